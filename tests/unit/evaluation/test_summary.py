"""From the files of all runs to tables and metrics.json."""

import json
from dataclasses import asdict, replace

import pandas as pd
import pytest
from tests import synthetic

from hopeworld import schema, settings
from hopeworld.evaluation.summary import SummaryJob, summarise, without_nan
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
    for name in ("stream", "probes", "memory", "centres", "history"):
        table = pd.read_parquet(folder / "tables" / f"{name}.parquet")
        assert list(table) == list(getattr(schema, name.upper()))
        assert len(table) > 0
    assert pd.read_parquet(folder / "tables" / "stream.parquet")["loss_frozen"].notna().all()


def test_metrics_say_what_was_run(metrics):
    assert metrics["study"] == "synthetic"
    assert metrics["encoder"] == {"weights": "random", "mode": "tubelet"}
    assert metrics["gate"]["passed"] is True
    assert len(metrics["gate"]["runs"]) == 4
    assert len(metrics["runs"]) == 7 * 2 * 2
    assert metrics["runs"]["main_hope_seed1_order0"]["method"] == "hope"
    assert metrics["domains"] == ["A", "B", "A"]
    assert metrics["twins"]["hope"] == "hope_frozen"
    placebo = metrics["streams"]["placebo"]
    assert placebo["domains"] == ["A", "A", "A"]
    assert placebo["clips"] == [32, 64, 48]
    assert len(placebo["runs"]) == len(metrics["runs"])
    assert set(placebo["methods"]) == set(metrics["methods"])


def test_persistence_is_the_null_row(metrics):
    row = metrics["methods"]["persistence"]
    for phase in ("A1", "B", "A2"):
        assert row[f"skill_{phase}"]["mean"] == 0.0
    assert row["adaptation_gain"]["mean"] == 0.0
    assert row["forgetting_rate"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert row["half_life"]["mean"] is None


def test_methods_hold_intervals_over_seeds(metrics):
    entry = metrics["methods"]["hope"]["final_loss_B"]
    runs = metrics["runs"]
    names = [[f"main_hope_seed{s}_order{o}" for o in (0, 1)] for s in (0, 1)]
    seeds = [sum(runs[name]["final_loss_B"] for name in pair) / 2 for pair in names]
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
    assert metrics["methods"]["vit_force_scale"]["half_life"]["mean"] == pytest.approx(3.0, rel=0.3)


def test_net_gain_is_what_the_placebo_did_not_show(metrics):
    for seed in (0, 1):
        name = f"hope_seed{seed}_order1"
        run, placebo = metrics["runs"][f"main_{name}"], metrics["streams"]["placebo"]["runs"]
        drift = placebo[f"placebo_{name}"]
        assert run["net_gain"] == pytest.approx(run["adaptation_gain"] - drift["adaptation_gain"])
        assert 0 < run["net_gain"] < run["adaptation_gain"]
        assert drift["net_gain"] is None
    assert metrics["methods"]["hope"]["net_gain_all"]["n"] == 2


def test_formulas_have_metrics_and_no_gate(metrics):
    assert "mean_map" not in {gate["model"] for gate in metrics["gate"]["runs"]}
    assert metrics["kinds"]["mean_map"] == "mean_map"
    assert metrics["methods"]["mean_map"]["skill_A1"]["mean"] > 0


def test_centres_are_metrics_of_runs_and_not_of_persistence(metrics):
    assert metrics["methods"]["hope"]["centre_error_B_7"]["mean"] > 0
    assert metrics["methods"]["persistence"]["centre_error_B_7"]["n"] == 0


SMALL = {"seeds": (0,), "orders": (0,), "clips": {"A1": 8, "B": 8, "A2": 8}}


def test_a_method_need_not_run_in_every_stream(tmp_path):
    job = synthetic.job(**SMALL)
    short = replace(job.streams["placebo"], contestants=("vit_frozen", "vit_tta"))
    job = replace(job, streams=job.streams | {"placebo": short})
    sources = synthetic.write_study(tmp_path, **SMALL)
    kept = {
        name: tuple(p for p in getattr(sources, name) if p.parts[-3] == "main" or "vit_" in str(p))
        for name in ("streams", "probes", "memories", "centres")
    }
    summarise(job, replace(sources, **kept), synthetic.outputs(tmp_path))
    metrics = read(tmp_path / "metrics.json")
    assert metrics["methods"]["hope"]["net_gain"]["n"] == 0
    assert metrics["methods"]["vit_tta"]["net_gain"]["n"] == 1
    assert "hope" not in metrics["streams"]["placebo"]["methods"]


def test_the_gain_of_an_oracle_is_a_value_of_the_frozen_method(tmp_path):
    truths = {name: synthetic.TRUTHS[name] for name in ("vit_frozen", "vit_tta")}
    truths["vit_on_b"] = synthetic.Truth("vit_on_b", "vit_on_b", base=-0.05)
    wanted = {**SMALL, "truths": truths, "streams": ("main",)}
    job = replace(synthetic.job(**wanted), oracles=("vit_on_b",))
    summarise(job, synthetic.write_study(tmp_path, **wanted), synthetic.outputs(tmp_path))
    methods = read(tmp_path / "metrics.json")["methods"]
    assert methods["vit_frozen"]["oracle_gain"]["mean"] == pytest.approx(0.05)
    for name in ("vit_tta", "vit_on_b", "persistence"):
        assert methods[name]["oracle_gain"]["n"] == 0
    assert methods["vit_frozen"]["net_gain"]["n"] == 0


def test_every_region_has_its_metrics(metrics):
    row = metrics["methods"]["hope"]
    for name in ("skill_B", "adaptation_gain", "forgetting_rate", "final_loss_A2"):
        assert {name, f"{name}_background", f"{name}_all"} <= set(row)
    assert not any("censored" in name for name in row)


def test_same_files_same_bytes(tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    for folder in (first, again):
        sources = synthetic.write_study(folder, **SMALL)
        summarise(synthetic.job(**SMALL), sources, synthetic.outputs(folder))
    names = [p.relative_to(first) for p in first.rglob("*") if p.is_file()]
    assert len(names) > 8
    for name in names:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name


def test_one_failed_gate_fails_the_study(tmp_path):
    sources = synthetic.write_study(tmp_path, passed=False, **SMALL)
    outputs = synthetic.outputs(tmp_path)
    summarise(synthetic.job(**SMALL), sources, outputs)
    assert read(outputs.metrics)["gate"]["passed"] is False
    table = pd.read_csv(outputs.gate)
    assert list(table)[:3] == ["model", "seed", "passed"]
    assert not table["passed"].any()
    assert r"gate not passed" in outputs.final_losses_tex.read_text()
    entry = read(outputs.metrics)["methods"]["hope"]["skill_B"]
    assert entry["n"] == 1
    assert entry["low"] is None


def test_an_incomplete_study_says_what_is_missing(tmp_path):
    sources = synthetic.write_study(tmp_path, **SMALL)
    streams = tuple(p for p in sources.streams if "placebo/hope_frozen" not in str(p))
    missing = r"1 of 12 runs are missing \(placebo_hope_frozen_seed0_order0\)"
    with pytest.raises(TableError, match=missing):
        summarise(
            synthetic.job(**SMALL), replace(sources, streams=streams), synthetic.outputs(tmp_path)
        )
    assert not (tmp_path / "metrics.json").exists()


def test_a_diverged_run_is_counted_and_hides_no_other(tmp_path):
    wanted = {**SMALL, "seeds": (0, 1)}
    sources = synthetic.write_study(tmp_path, **wanted)
    path = next(p for p in sources.streams if "main/hope_seed1" in str(p))
    stream = pd.read_parquet(path)
    stream.loc[stream["k"] >= 12, "loss"] = float("nan")
    stream.to_parquet(path, index=False)
    summarise(synthetic.job(**wanted), sources, synthetic.outputs(tmp_path))
    metrics = read(tmp_path / "metrics.json")
    run = metrics["runs"]["main_hope_seed1_order0"]
    assert (run["diverged"], run["collapsed"], run["loss_B"], run["net_gain"]) == (1, 1, None, None)
    assert metrics["runs"]["main_hope_seed0_order0"]["loss_B"] > 0
    entry = metrics["methods"]["hope"]["loss_B"]
    assert (entry["mean"], entry["n"]) == (None, 2)
    assert metrics["methods"]["hope"]["collapsed"]["mean"] == 0.5
    table = pd.read_csv(tmp_path / "tables" / "metrics.csv")
    assert table.query("method == 'hope' and metric == 'loss_B'")["mean"].isna().iloc[0]


def test_a_job_is_read_from_the_plain_values_of_a_rule():
    plain = json.loads(json.dumps(asdict(synthetic.job())))
    assert settings.read(SummaryJob, plain) == synthetic.job()


def test_nan_and_inf_become_null():
    value = {"a": float("nan"), "b": [float("inf"), 1.0], "c": (1, True, "x", None)}
    assert without_nan(value) == {"a": None, "b": [None, 1.0], "c": [1, True, "x", None]}
