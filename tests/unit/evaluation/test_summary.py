"""From the files of all runs to tables and metrics.json."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from tests import synthetic

from hopeworld import schema
from hopeworld.evaluation.summary import summarise, without_nan
from hopeworld.evaluation.tables import TableError


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def read(path):
    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    sources = synthetic.write_study(folder)
    summarise(synthetic.job(), sources, synthetic.outputs(folder))
    return folder


@pytest.fixture(scope="module")
def metrics(folder):
    return read(folder / "metrics.json")


def test_all_tables_have_the_columns_of_their_schema(folder):
    for name in ("stream", "probes", "memory", "history"):
        table = pd.read_parquet(folder / "tables" / f"{name}.parquet")
        assert list(table) == list(getattr(schema, name.upper()))
        assert len(table) > 0
    assert pd.read_parquet(folder / "tables" / "stream.parquet")["loss_frozen"].notna().all()


def test_metrics_say_what_was_run(metrics):
    assert metrics["study"] == "synthetic"
    assert metrics["encoder"] == {"weights": "random", "mode": "tubelet"}
    assert metrics["gate"]["passed"] is True
    assert len(metrics["gate"]["runs"]) == 4
    assert len(metrics["runs"]) == 12
    assert metrics["runs"]["hope_seed1_order0"]["method"] == "hope"
    assert metrics["twins"]["hope"] == "hope_frozen"


def test_persistence_is_the_null_row(metrics):
    row = metrics["methods"]["persistence"]
    for phase in ("A1", "B", "A2"):
        assert row[f"skill_{phase}"]["mean"] == 0.0
    assert row["adaptation_gain"]["mean"] == 0.0
    assert row["forgetting_rate"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert row["half_life"]["mean"] is None


def test_methods_hold_intervals_over_seeds(metrics):
    entry = metrics["methods"]["hope"]["final_loss_B"]
    seeds = [metrics["runs"][f"hope_seed{s}_order0"]["final_loss_B"] for s in (0, 1)]
    assert entry["mean"] == pytest.approx(sum(seeds) / 2)
    assert entry["low"] < min(seeds) < max(seeds) < entry["high"]
    assert entry["n"] == 2


def test_frozen_methods_gain_nothing_and_have_no_speed(metrics):
    frozen = metrics["methods"]["hope_frozen"]
    assert frozen["adaptation_gain"]["mean"] == 0.0
    assert frozen["half_life"] == {"mean": None, "low": None, "high": None, "n": 0, "censored": 0}


def test_known_half_lives_are_found(metrics):
    assert metrics["methods"]["hope"]["half_life"]["mean"] == pytest.approx(5.0, rel=0.2)
    assert metrics["methods"]["vit_tta"]["half_life"]["mean"] == pytest.approx(12.0, rel=0.2)
    assert metrics["methods"]["vit_tta_literal"]["half_life"]["mean"] is None


def test_every_region_has_its_metrics(metrics):
    row = metrics["methods"]["hope"]
    for name in ("skill_B", "adaptation_gain", "forgetting_rate", "final_loss_A2"):
        assert {name, f"{name}_background", f"{name}_all"} <= set(row)
    assert not any("censored" in name for name in row)


def test_same_files_same_bytes(folder, tmp_path):
    sources = synthetic.write_study(tmp_path)
    summarise(synthetic.job(), sources, synthetic.outputs(tmp_path))
    names = [p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()]
    assert len(names) > 8
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_one_failed_gate_fails_the_study(tmp_path):
    sources = synthetic.write_study(tmp_path, seeds=(0,), passed=False)
    outputs = synthetic.outputs(tmp_path)
    summarise(synthetic.job(seeds=(0,)), sources, outputs)
    assert read(outputs.metrics)["gate"]["passed"] is False
    table = pd.read_csv(outputs.gate)
    assert list(table)[:3] == ["model", "seed", "passed"]
    assert not table["passed"].any()
    assert r"gate not passed" in outputs.final_losses_tex.read_text()
    entry = read(outputs.metrics)["methods"]["hope"]["skill_B"]
    assert entry["n"] == 1
    assert entry["low"] is None


def test_an_incomplete_study_says_what_is_missing(tmp_path):
    sources = synthetic.write_study(tmp_path, seeds=(0,))
    streams = tuple(p for p in sources.streams if "hope_frozen" not in str(p))
    with pytest.raises(TableError, match=r"1 of 5 runs are missing \(hope_frozen_seed0_order0\)"):
        summarise(
            synthetic.job(seeds=(0,)),
            replace(sources, streams=streams),
            synthetic.outputs(tmp_path),
        )
    assert not (tmp_path / "metrics.json").exists()


def test_nan_and_inf_become_null():
    value = {"a": float("nan"), "b": [float("inf"), 1.0], "c": (1, True, "x", None)}
    assert without_nan(value) == {"a": None, "b": [None, 1.0], "c": [1, True, "x", None]}
