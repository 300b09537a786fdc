"""Figures of the memories and of the variants: what they show, and what they leave out."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from tests import synthetic_memory
from tests.figure_checks import (
    assert_csv_holds,
    assert_no_collisions,
    assert_print_quality,
    drawn_texts,
    module_of,
)
from tests.figure_inputs import FIGURES

from hopeworld import files
from hopeworld.figures import csv_claims, memory_curves, style

NAMES = ("titan_diagnostics", "cms_levels", "memory_geometry", "variants")
ALL = ("vit_frozen", "vit_tta", "hope_frozen", "hope")
VARIANTS = {"hope": 0.0, "static": -0.004, "no_writes": -0.084}


def variants_table(seeds=(0, 1)):
    """The columns of tables/ablation.csv that the figure reads; one training failed its gate."""
    rows = []
    for index, (name, skill) in enumerate(VARIANTS.items()):
        row = {"method": name, "model": name, "change": "" if name == "hope" else "static: true"}
        row["passed"] = float(name != "no_writes")
        for panel, mean in (("skill_difference", skill), ("gain_B", 0.009 - 0.02 * index)):
            row |= {panel: mean} | {f"{panel}_seed{s}": mean + 0.002 * s for s in seeds}
        rows.append(row)
    return pd.DataFrame(rows)


def write_inputs(folder, names=ALL, seeds=(0, 1)):
    """The inputs of every figure of this file, of some methods."""
    metrics = synthetic_memory.metrics(names, seeds)
    metrics["kinds"] |= dict.fromkeys(VARIANTS, "hope")
    files.write_json(folder / "metrics.json", metrics)
    synthetic_memory.memory(names, seeds).to_parquet(folder / "memory.parquet")
    synthetic_memory.write_tables(folder, names, seeds)
    variants_table(seeds).to_csv(folder / "ablation.csv", index=False)
    tables = ("memory_geometry", "transplant", "separability", "usefulness")
    geometry = [folder / f"{table}.csv" for table in tables]
    where = folder / "memory.parquet", folder / "metrics.json"
    return {
        "titan_diagnostics": module_of("titan_diagnostics").Inputs(*where),
        "cms_levels": module_of("cms_levels").Inputs(*where),
        "memory_geometry": module_of("memory_geometry").Inputs(*geometry, where[1]),
        "variants": module_of("variants").Inputs(folder / "ablation.csv", where[1]),
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("memories"))


def compose(name, inputs, figures=FIGURES):
    with style.styled(figures):
        return module_of(name).compose(inputs[name], figures)


def words(figure, monkeypatch):
    texts = drawn_texts(figure, monkeypatch)
    assert_no_collisions(figure, texts)
    return " ".join(text.get_text() for text in texts)


@pytest.mark.usefixtures("restless_solver")
@pytest.mark.parametrize("name", NAMES)
def test_files_are_whole_and_have_the_same_bytes_every_time(name, inputs, tmp_path):
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        paths = style.Paths(folder / "f.pdf", folder / "f.png", folder / "f.csv")
        module_of(name).draw(inputs[name], FIGURES, paths)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert_print_quality(written[0]["f.pdf"])
    assert imread(tmp_path / "a" / "f.png").shape[1] == 590
    assert_csv_holds(tmp_path / "a" / "f.csv", compose(name, inputs)[1])


@pytest.mark.parametrize("font_pt", [8.0, 9.0])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_leaves_the_figure_or_covers_another(name, font_pt, inputs, monkeypatch):
    figure, _ = compose(name, inputs, dataclasses.replace(FIGURES, font_pt=font_pt))
    assert "random encoder weights" in words(figure, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("names", [("hope_frozen", "hope"), ("vit_frozen", "vit_tta")])
def test_methods_that_did_not_run_are_left_out(name, names, tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path, names, seeds=(0,))
    figure, plotted = compose(name, inputs)
    shown = words(figure, monkeypatch)
    if name != "variants":
        assert set(plotted["method"]) <= set(names)
        assert plotted.empty == (names[0] == "vit_frozen" and name != "memory_geometry")
        assert "HOPE" not in shown if names[0] == "vit_frozen" else "ViT" not in shown
    paths = style.Paths(tmp_path / "f.pdf", tmp_path / "f.png", tmp_path / "f.csv")
    module_of(name).draw(inputs[name], FIGURES, paths)
    assert paths.csv.exists()


def test_a_study_where_nothing_is_carried_says_so(tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path, ("vit_frozen",))
    for name in ("memory_geometry", "transplant", "separability"):
        (tmp_path / f"{name}.csv").write_text("\n")
    for name, says in (
        ("titan_diagnostics", "no method of this study has a memory"),
        ("cms_levels", "no method of this study has a continuum memory"),
        ("memory_geometry", "no method of this study carries anything"),
    ):
        figure, plotted = compose(name, inputs)
        assert plotted.empty
        assert says in words(figure, monkeypatch)


def test_the_placebo_is_not_in_the_figures(inputs):
    for name in ("titan_diagnostics", "cms_levels"):
        _, plotted = compose(name, inputs)
        assert plotted.loc[plotted["name"] != "updates", "mean"].max() < 50


def test_diagnostics_have_a_panel_for_what_there_is(inputs, tmp_path):
    figure, plotted = compose("titan_diagnostics", inputs)
    assert set(plotted["panel"]) == set(module_of("titan_diagnostics").PANELS)
    assert len(figure.axes) == 6
    memory = pd.read_parquet(inputs["titan_diagnostics"].memory)
    fewer = memory[~memory["memory"].str.startswith("cms") & (memory["name"] != "gate")]
    fewer.to_parquet(tmp_path / "memory.parquet")
    less = dataclasses.replace(inputs["titan_diagnostics"], memory=tmp_path / "memory.parquet")
    figure, plotted = compose("titan_diagnostics", {"titan_diagnostics": less})
    assert "delta" not in set(plotted["panel"])
    assert len(figure.axes) == 5


def test_a_clip_leaves_the_product_of_what_its_transitions_retain(inputs):
    memory = pd.read_parquet(inputs["titan_diagnostics"].memory)
    kept = memory_curves.retained(memory[memory["stream"] == "main"])
    assert set(kept["method"]) == {"hope"}
    np.testing.assert_allclose(kept["value"], 0.9**7)


def test_dead_levels_are_crossed_out(inputs):
    for name in ("titan_diagnostics", "cms_levels"):
        figure, plotted = compose(name, inputs)
        dead = memory_curves.dead_points(plotted)
        assert set(dead["memory"]) == {"cms_16"}
        assert dead["k"].tolist() == [16, 20]
        crosses = [line for axis in figure.axes for line in axis.lines if line.get_marker() == "x"]
        assert [line.get_xdata().tolist() for line in crosses] == [[16, 20]]


def test_a_look_back_takes_away_what_lies_between_before_and_after(inputs):
    _, plotted = compose("cms_levels", inputs)
    wide = plotted[plotted["memory"] == "cms"].pivot(index="k", columns="name", values="mean")
    np.testing.assert_allclose(wide["taught"], wide["loss_before"] - wide["loss_after"])
    assert (wide["taught"] > 0).all()


def test_updates_are_counted_per_level(inputs):
    _, plotted = compose("cms_levels", inputs)
    last = plotted[(plotted["name"] == "updates") & (plotted["k"] == plotted["k"].max())]
    counts = last.set_index("memory")["mean"]
    assert counts["cms_1"] > 3.9 * counts["cms_4"] > 14 * counts["cms_16"]


def test_transplants_are_means_over_seeds_against_the_start(inputs):
    _, plotted = compose("memory_geometry", inputs)
    transplant_map = module_of("transplant_map")
    blocks = {
        (m, p): v for m, p, v in transplant_map.blocks(plotted[plotted.panel == "transplant"])
    }
    assert set(blocks) == {
        ("vit_tta", "parameters"), ("hope", "all"), ("hope", "titan"), ("hope", "cms"),
    }  # fmt: skip
    np.testing.assert_allclose(blocks["hope", "all"][2], [0.193, 0.304])


def test_many_transplants_take_another_row(tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path)
    table = pd.read_csv(tmp_path / "transplant.csv")
    own = table[table["method"] == "hope"]
    extra = [own.assign(method=name) for name in ("vit_tta", "hope_frozen")]
    pd.concat([table[table["method"] == "hope"], *extra]).to_csv(
        tmp_path / "transplant.csv", index=False
    )
    figure, _ = compose("memory_geometry", inputs)
    assert "ViT-AC + TTA\nTitan" in words(figure, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_available_is_left_out(name, tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path)
    memory = pd.read_parquet(tmp_path / "memory.parquet")
    memory.loc[memory["k"] == 8, "value"] = np.nan
    memory.to_parquet(tmp_path / "memory.parquet")
    for table, column in (
        ("memory_geometry", "reversibility"),
        ("transplant", "loss"),
        ("separability", "accuracy"),
        ("usefulness", "carry_benefit"),
        ("ablation", "gain_B"),
    ):
        rows = pd.read_csv(tmp_path / f"{table}.csv")
        rows.loc[rows.index[-4:], column] = np.nan
        rows.to_csv(tmp_path / f"{table}.csv", index=False)
    figure, _ = compose(name, inputs)
    shown = words(figure, monkeypatch)
    assert "NA" in shown or name in ("titan_diagnostics", "cms_levels", "memory_geometry")
    assert "nan" not in shown


def test_variants_show_seeds_and_failed_gates(inputs):
    figure, plotted = compose("variants", inputs)
    assert len(plotted) == 2 * 3 * len(VARIANTS)
    means = [line for line in figure.axes[0].lines if line.get_markersize() == 5]
    faces = [line.get_markerfacecolor() for line in means]
    assert faces == [style.VERMILLION, style.VERMILLION, "white"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in means], list(VARIANTS.values()))


def test_the_captions_have_their_numbers(inputs, tmp_path):
    for name in NAMES:
        paths = (tmp_path / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv"))
        module_of(name).draw(inputs[name], FIGURES, style.Paths(*paths))
    found = csv_claims.csv_claims(tmp_path)
    assert set(found) == set(NAMES)
    assert "surprise of HOPE goes from 0.357 to 0.533" in found["titan_diagnostics"]
    assert "leaves 48% of the memory" in found["titan_diagnostics"]
    assert "takes 2.5% off the loss" in found["cms_levels"]
    assert "-9.0% on B and +4.3% on A" in found["memory_geometry"]
    assert "from -0.084 (no writes) to -0.004 (static)" in found["variants"]
    assert not any("nan" in sentence for sentence in found.values())
