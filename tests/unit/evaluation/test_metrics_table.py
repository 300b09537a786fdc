"""The table of all metrics: every one has a unit, and the printed form fits the page."""

import re
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from tests import synthetic

from hopeworld.evaluation import final_losses, labels, latex, metrics_table
from hopeworld.evaluation.summary import summarise
from hopeworld.files import read_json

TEXT_WIDTH_PT = 5.9 * 72.27


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, small = tmp_path_factory.mktemp("study"), {"clips": {"A1": 16, "B": 24, "A2": 16}}
    sources = synthetic.write_study(folder, **small)
    summarise(synthetic.job(**small), sources, synthetic.outputs(folder))
    return folder


@pytest.fixture(scope="module")
def table(folder):
    return pd.read_csv(folder / "tables" / "metrics.csv", keep_default_na=True)


def test_csv_holds_the_numbers_of_the_metrics(folder, table):
    metrics = read_json(folder / "metrics.json")
    row = table.query(
        "stream == 'main' and method == 'hope' and metric == 'skill_B' and region == 'background'"
    ).iloc[0]
    entry = metrics["methods"]["hope"]["skill_B_background"]
    parts = ["mean", "low", "high", "n"]
    assert row[parts].tolist() == pytest.approx([entry[part] for part in parts])
    assert row[["unit", "direction"]].tolist() == ["skill points", "higher"]


def test_every_metric_of_every_stream_has_a_row_with_a_unit(folder, table):
    metrics = read_json(folder / "metrics.json")
    streams = {"main": metrics, **metrics["streams"]}
    count = sum(len(e) for s in streams.values() for e in s["methods"].values())
    assert len(table) == count
    assert table["unit"].notna().all()
    assert set(table["direction"]) == {"lower", "higher", "neither"}
    assert not table.duplicated(["stream", "method", "metric", "region"]).any()


def test_durations_say_how_many_runs_are_censored(table):
    durations = {"half_life", "clips_to_50_percent", "clips_to_90_percent", "recovery"}
    assert set(table.loc[table["censored"].notna(), "metric"]) == durations


def test_the_region_of_a_metric_is_not_part_of_its_name(table):
    regions = table.groupby("metric")["region"].unique()
    assert set(regions["adaptation_gain"]) == {"object", "background", "all"}
    assert regions["clipped_share"].tolist() != ["object"]
    assert table.loc[table["metric"] == "centre_error_B_7", "region"].isna().all()


def test_a_metric_without_a_unit_is_named():
    assert metrics_table.family("rollout_skill_B2_7") == "rollout_skill"
    assert metrics_table.family("persistence_anytime") == "persistence"
    with pytest.raises(KeyError, match="unheard_of: no unit is known"):
        metrics_table.family("unheard_of")


def test_latex_prints_the_main_metrics_and_na(folder):
    text = (folder / "tables" / "metrics.tex").read_text()
    lines = [line for line in text.splitlines() if line.startswith("ViT-AC, frozen &")]
    assert len(lines) == len(metrics_table.PRINTED)
    assert lines[0].endswith(r"& NA \\")
    assert text.isascii()
    assert "random encoder weights" in text


def test_text_is_escaped():
    assert latex.escape("a_b & 5%") == r"a\_b \& 5\%"
    assert latex.escape("A − B ± 1") == r"A $-$ B $\pm$ 1"


def cells(row):
    """The cells of a row as they are printed, near enough."""
    text = (
        row.removesuffix(r" \\").replace(r"$\pm$", "+").replace(r"$\cdot", "x").replace(r"\%", "%")
    )
    return [re.sub(r"[$\\{}_^]|cdot", "", cell).strip() for cell in text.split(" & ")]


def width_pt(rows, separation_pt=3.0):
    """Width of a table of 8 pt in Computer Modern."""
    font = FontProperties(fname=Path(matplotlib.get_data_path()) / "fonts/ttf/cmr10.ttf", size=8)
    columns = zip(*(cells(row) for row in rows), strict=True)
    widths = [
        max(TextPath((0, 0), cell.replace(" ", "n"), prop=font).get_extents().x1 for cell in column)
        for column in columns
    ]
    return sum(widths) + 2 * separation_pt * (len(widths) - 1)


@pytest.mark.parametrize("printed", ["metrics", "final_losses"])
def test_the_longest_labels_fit_the_text_width(printed):
    entry = {"mean": 0.1234, "low": 0.0999, "high": 0.1469, "n": 6}
    names = {*metrics_table.PRINTED[0], *metrics_table.PRINTED[1]}
    row = dict.fromkeys(
        [*(n for _, n, *_ in names), *final_losses.PRINTED[0], *final_losses.PRINTED[1]], entry
    )
    metrics = {
        "encoder": {"weights": "random", "mode": "tubelet"},
        "gate": {"passed": True},
        "seeds": [0, 1],
        "confidence": 0.95,
        "methods": dict.fromkeys(labels.LABELS, row),
    }
    if printed == "metrics":
        text = metrics_table.latex(metrics)
    else:
        text = final_losses.latex(metrics, synthetic.EVALUATION)
    rows = [r for r in text.splitlines() if r.endswith(r"\\") and "multicolumn" not in r]
    assert len(rows) > len(labels.LABELS)
    assert 0.5 * TEXT_WIDTH_PT < width_pt(rows) < TEXT_WIDTH_PT
