"""The comparison of rates."""

from __future__ import annotations

import pandas as pd
import pytest

from hopeworld.evaluation.tuning import compare_rates


def stream(b: float, a2: float) -> pd.DataFrame:
    rows = [
        {
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


def test_the_best_rate_has_the_lowest_object_loss_over_b_and_a2():
    table = compare_rates(
        {
            ("vit_tta", 1e-2): [stream(0.3, 0.4), stream(0.3, 0.2)],
            ("vit_tta", 1e-3): [stream(0.2, 0.2), stream(0.4, 0.2)],
            ("hope", 1.0): [stream(0.9, 0.9)],
        }
    ).set_index(["method", "rate"])
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
    table = compare_rates(
        {
            ("vit_tta", 1.0): [stream(0.1, 0.1), stream(float("nan"), float("nan"))],
            ("vit_tta", 0.1): [stream(0.3, 0.3), stream(0.3, 0.3)],
        }
    )
    assert table.set_index("rate").best.to_dict() == {0.1: True, 1.0: False}
