"""One row per contestant, against what it varies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tests import synthetic

from hopeworld import checks, settings
from hopeworld.cli import main
from hopeworld.evaluation import ablation, ablation_text
from hopeworld.evaluation.summary import summarise
from hopeworld.files import read_json

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config/config.yaml").read_text())
STUDY = checks.parse(CONFIG)
VARIANTS = {
    "static": settings.Variant("hope", {"adaptive": [], "gate": "soft"}, {"steps": 1200}),
    "vit_wide": settings.Variant("vit_ac", {"width": 384}, {}),
}
METHODS = synthetic.methods(synthetic.ABLATION)


def job(**changes) -> ablation.AblationJob:
    one = ablation.AblationJob((0, 1), STUDY.models, STUDY.training, VARIANTS, METHODS)
    return dataclasses.replace(one, **changes)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A folder with the summary and the table of an ablation."""
    folder, truths = tmp_path_factory.mktemp("ablation"), synthetic.ABLATION
    sources = synthetic.write_study(folder, truths=truths)
    summarise(synthetic.job(truths=truths), sources, synthetic.outputs(folder))
    metrics = read_json(folder / "metrics.json")
    tables = folder / "tables"
    ablation.write(job(), metrics, tables / "ablation.csv", tables / "ablation.tex")
    return folder


@pytest.fixture(scope="module")
def table(results) -> pd.DataFrame:
    return pd.read_csv(results / "tables" / "ablation.csv").set_index("method")


def mean(metrics, method, seed, name):
    """Mean over the orders of a seed."""
    runs = metrics["runs"].values()
    return np.mean([r[name] for r in runs if (r["method"], r["seed"]) == (method, seed)])


def test_a_contestant_has_a_row_with_its_twin_in_it(results, table):
    assert list(table.index) == ["hope", "static"]
    methods = read_json(results / "metrics.json")["methods"]
    for name in table.index:
        row = table.loc[name]
        assert row["loss_B"] == pytest.approx(methods[name]["loss_B"]["mean"])
        assert row["frozen_loss_B"] == pytest.approx(methods[f"{name}_frozen"]["loss_B"]["mean"])
        assert row["gain_B"] == pytest.approx(row["frozen_loss_B"] - row["loss_B"])
        assert row["forgetting_rate"] == pytest.approx(methods[name]["forgetting_rate"]["mean"])
        assert row["parameters"] == 1_230_000


def test_skills_are_paired_by_seed(table):
    assert table.loc["hope", "skill_difference"] == 0.0
    row = table.loc["static"]
    assert row["skill_difference_seed0"] == pytest.approx(-0.02)
    assert row["skill_difference_seed1"] == pytest.approx(-0.03)
    assert row["skill_difference"] == pytest.approx(-0.025)
    assert row["skill"] == pytest.approx(np.mean([row["skill_seed0"], row["skill_seed1"]]))


def test_a_predictor_without_its_base_has_no_difference(results):
    metrics = read_json(results / "metrics.json")
    metrics["gate"]["runs"] = [r for r in metrics["gate"]["runs"] if r["model"] == "static"]
    methods = {name: method for name, method in METHODS.items() if method.model == "static"}
    alone = ablation.table(job(methods=methods), metrics).iloc[0]
    assert np.isnan(alone["skill_difference"])
    assert alone["change"] == "adaptive: [], steps: 1200"


def test_only_what_differs_is_said():
    hope = METHODS["hope"]
    reset = dataclasses.replace(hope, reset="per_clip")
    silent = dataclasses.replace(hope, look_back_rate=0.0)
    wide = dataclasses.replace(silent, model="vit_wide", look_back_rate=0.0)
    one = job(methods=METHODS | {"reset": reset, "silent": silent, "wide": wide})
    assert ablation.change(one, "hope") == ""
    assert ablation.change(one, "static") == "adaptive: [], steps: 1200"
    assert ablation.change(one, "reset") == "reset: per_clip"
    assert ablation.change(one, "silent") == "look_back_rate: 0"
    assert ablation.change(one, "wide") == "width: 384"


def test_carry_is_compared_with_the_same_method_reset_at_every_clip(results):
    metrics = read_json(results / "metrics.json")
    carried = dataclasses.replace(METHODS["hope"], look_back_rate=0.0)
    methods = {"hope_frozen": METHODS["hope_frozen"], "hope": carried}
    assert ablation.reset_partner(methods, "hope") == "hope_frozen"
    assert ablation.reset_partner(METHODS, "hope") is None
    assert ablation.reset_partner(METHODS, "hope_frozen") is None
    row = ablation.table(job(methods=methods), metrics).iloc[0]
    for seed in (0, 1):
        losses = [mean(metrics, name, seed, "loss_stream") for name in methods]
        assert row[f"carry_benefit_seed{seed}"] == pytest.approx(losses[0] - losses[1])


def test_a_formula_has_no_training(results):
    metrics = read_json(results / "metrics.json")
    formula = settings.Method("mean_map", "none", 0.0, "never", 0.0, "mean_map")
    runs = [r for r in metrics["runs"].values() if r["method"] == "hope_frozen"]
    metrics["runs"] |= {f"map{n}": {**r, "method": "mean_map"} for n, r in enumerate(runs)}
    table = ablation.table(job(methods={"mean_map": formula}), metrics)
    assert np.isnan(table.iloc[0][["skill", "parameters"]].to_numpy(float)).all()
    assert ablation_text.rows(table, [0, 1])[0][1:4] == ["–", "–", "NA"]


def test_a_diverged_run_is_not_available(results):
    metrics = read_json(results / "metrics.json")
    metrics["runs"]["main_hope_seed1_order0"]["loss_B"] = None
    table = ablation.table(job(), metrics)
    assert np.isnan(table.iloc[0]["loss_B_seed1"])
    assert np.isfinite(table.iloc[0]["loss_B_seed0"])
    assert ablation_text.rows(table, [0, 1])[0][7] == "NA"


def test_the_command_prints_the_table_and_puts_it_into_a_document(results, tmp_path, capsys):
    assert main(["table", str(results)]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0].startswith("| contestant | what differs | parameters | skill |")
    assert lines[2].startswith("| HOPE | – | 1,230,000 | 0.310 ± 0.000 | +0.000 ± 0.000 |")
    assert lines[3].startswith("| static | adaptive: [], steps: 1200 | 1,230,000 | 0.285 ± 0.005 |")
    assert lines[3].endswith("| NA |")
    assert "Mean of seeds 0, 1" in printed
    assert "random encoder weights" in printed
    document = tmp_path / "page.md"
    start, end = ablation_text.MARKS
    document.write_text(f"before\n{start}\nold\n{end}\nafter\n")
    assert main(["table", str(results), "--into", str(document)]) == 0
    assert document.read_text() == f"before\n{start}\n{printed.rstrip()}\n{end}\nafter\n"


def test_the_printed_form_is_latex(results):
    text = (results / "tables" / "ablation.tex").read_text()
    assert r"static & adaptive: [], steps: 1200 & 1,230,000 & 0.285 $\pm$ 0.005" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\") and "&" in line]
    assert {line.count("&") for line in body} == {10}
    assert text.isascii()


def test_what_is_missing_is_named(results, tmp_path, capsys):
    assert main(["table", str(tmp_path)]) == 1
    assert "ablation.csv: no such table" in capsys.readouterr().err
    document = tmp_path / "page.md"
    document.write_text("no marks\n")
    assert main(["table", str(results), "--into", str(document)]) == 1
    assert "page.md: marks are missing" in capsys.readouterr().err
