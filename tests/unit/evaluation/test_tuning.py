"""The comparison of rates."""

from __future__ import annotations

import pandas as pd
import pytest

from hopeworld.evaluation.tuning import Sweep, best_rates, compare_rates


def stream(b: float, a2: float) -> pd.DataFrame:
    rows = [
        {
            "seed": 0,
            "k": 0,
            "phase": phase,
            "kind": kind,
            "region": region,
            "loss": loss * scale,
            "persistence": 1.0,
        }
        for phase, loss in (("A1", 9.0), ("B", b), ("A2", a2))
        for kind, region, scale in (
            ("online", "object", 1.0),
            ("online", "all", 100.0),
            ("rollout", "object", 100.0),
        )
    ]
    return pd.DataFrame(rows)


def probes(before: float = 0.2, after: float = 0.25) -> pd.DataFrame:
    """Held-out clips of A, whose persistence is 0.4; another domain and a later end distract."""
    ends = (("start", 0, 0.9), ("A1", 4, 0.7), ("A1", 8, before), ("B", 16, after), ("A2", 24, 0.9))
    rows = [
        {"phase": phase, "k": k, "region": region, "domain": domain, "loss": loss * scale}
        for phase, k, loss in ends
        for region, domain, scale in (("object", "A", 1.0), ("all", "A", 9.0), ("object", "B", 9.0))
    ]
    return pd.DataFrame(rows).assign(persistence=0.4)


def sweeps(streams: dict) -> dict:
    return {run: Sweep(tables, [probes()] * len(tables)) for run, tables in streams.items()}


def test_forgetting_is_read_at_the_ends_of_a1_and_b():
    runs = Sweep([stream(0.3, 0.3)] * 2, [probes(), probes(after=0.20)])
    table = compare_rates({("hope", 1.0): runs})
    assert table.forgetting_rate[0] == pytest.approx((0.25 + 0.0) / 2)


def test_the_best_rate_has_the_lowest_object_loss_over_b_and_a2():
    runs = sweeps(
        {
            ("vit_tta", 1e-2): [stream(0.3, 0.4), stream(0.3, 0.2)],
            ("vit_tta", 1e-3): [stream(0.2, 0.2), stream(0.4, 0.2)],
            ("hope", 1.0): [stream(0.9, 0.9)],
        }
    )
    table = compare_rates(runs).set_index(["method", "rate"])
    assert table.anytime_loss["vit_tta", 1e-2] == pytest.approx(0.3)
    assert table.anytime_loss["vit_tta", 1e-3] == pytest.approx(0.25)
    assert table.loss_B["vit_tta", 1e-3] == pytest.approx(0.3)
    assert table.best.to_dict() == {
        ("hope", 1.0): True,
        ("vit_tta", 1e-3): True,
        ("vit_tta", 1e-2): False,
    }
    assert table.seeds.tolist() == [1, 2, 2]


def test_a_rate_that_diverged_once_is_never_the_best():
    runs = sweeps(
        {
            ("vit_tta", 1.0): [stream(0.1, 0.1), stream(float("nan"), float("nan"))],
            ("vit_tta", 0.1): [stream(0.3, 0.3), stream(0.3, 0.3)],
        }
    )
    table = compare_rates(runs)
    assert table.set_index("rate").best.to_dict() == {0.1: True, 1.0: False}
    assert best_rates(table) == {"vit_tta": 0.1}


def test_of_two_equals_the_lower_rate_is_chosen():
    streams = {("hope", rate): [stream(0.3, 0.3)] for rate in (3.0, 1.0)}
    assert best_rates(compare_rates(sweeps(streams))) == {"hope": 1.0}


def test_a_method_all_of_whose_rates_diverged_is_named():
    gone = stream(float("nan"), 0.1)
    table = compare_rates(sweeps({("hope", 1.0): [gone], ("hope", 3.0): [gone]}))
    assert not table.best.any()
    with pytest.raises(ValueError, match=r"tuning\.hope: 1, 3 all diverged; add lower rates"):
        best_rates(table)
