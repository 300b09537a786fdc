"""The figure of the leakage study, and a caption that is right whatever was found."""

import dataclasses

import numpy as np
import pytest
from matplotlib.image import imread
from tests import synthetic_memory
from tests.figure_checks import (
    assert_csv_holds,
    assert_no_collisions,
    assert_print_quality,
    drawn_texts,
)
from tests.figure_inputs import FIGURES
from tests.synthetic_leakage import leakage_table

from hopeworld import files
from hopeworld.figures import csv_claims, leakage, style

CAUSAL = {"tubelet": (-0.03, 0.5), "prefix": (-0.04, 0.5)}
CLIP = {"clip": (0.45, 0.8)}


def write_inputs(folder, table, mode="tubelet"):
    metrics = synthetic_memory.metrics()
    metrics["encoder"]["mode"] = mode
    files.write_json(folder / "metrics.json", metrics)
    table.to_csv(folder / "leakage.csv", index=False)
    return leakage.Inputs(folder / "leakage.csv", folder / "metrics.json", 0.95)


@pytest.fixture
def inputs(tmp_path):
    return write_inputs(tmp_path, leakage_table(CAUSAL | CLIP))


def compose(inputs, figures=FIGURES):
    with style.styled(figures):
        return leakage.compose(inputs, figures)


def claim(folder, table, mode="tubelet"):
    folder.mkdir(parents=True, exist_ok=True)
    inputs = write_inputs(folder, table, mode)
    compose(inputs)[1].to_csv(folder / "leakage.csv", index=False)
    return csv_claims.csv_claims(folder)["leakage"]


@pytest.mark.usefixtures("restless_solver")
def test_files_are_whole_and_have_the_same_bytes_every_time(inputs, tmp_path):
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        paths = style.Paths(folder / "f.pdf", folder / "f.png", folder / "f.csv")
        leakage.draw(inputs, FIGURES, paths)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert_print_quality(written[0]["f.pdf"])
    assert imread(tmp_path / "a" / "f.png").shape[1] == 590
    assert_csv_holds(tmp_path / "a" / "f.csv", compose(inputs)[1])


@pytest.mark.parametrize("font_pt", [8.0, 9.0])
@pytest.mark.parametrize("modes", [CAUSAL | CLIP, CLIP, CAUSAL], ids=["all", "clip", "causal"])
def test_no_text_leaves_the_figure_or_covers_another(modes, font_pt, tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path, leakage_table(modes))
    figure, _ = compose(inputs, dataclasses.replace(FIGURES, font_pt=font_pt))
    texts = drawn_texts(figure, monkeypatch)
    assert_no_collisions(figure, texts)
    words = " ".join(text.get_text() for text in texts)
    assert "random encoder weights" in words
    assert "95 % intervals over episodes" in words
    assert "(42)" in words
    for mode, text in leakage.LABELS.items():
        assert (text in words) == (mode in (*modes, leakage.START))


def test_a_line_joins_the_same_clips_and_chance_is_drawn(inputs):
    figure, plotted = compose(inputs)
    clip = [line for line in figure.axes[0].lines if line.get_color() == style.WINE]
    assert [len(line.get_xdata()) for line in clip] == [2, 1]
    own = plotted[(plotted["mode"] == "clip") & (plotted["target"] == "displacement")]
    np.testing.assert_allclose(np.concatenate([line.get_ydata() for line in clip]), own["value"])
    assert [axis.lines[0].get_ydata()[0] for axis in figure.axes] == [0.0, 0.5]


def test_a_leak_of_another_mode_is_named_with_its_numbers(tmp_path):
    said = claim(tmp_path, leakage_table(CAUSAL | CLIP))
    assert said.startswith("Read linearly from z₁ and z₂, before the push: in mode tubelet ")
    assert "in mode clip the displacement to come with R² 0.45 [0.35, 0.55]" in said
    assert "the domain of 80% [70%, 90%] of the clips." in said
    assert said.count("the domain not at all (both clips of a pair have equal features)") == 2
    assert said.endswith(
        "A predictor trained on features of mode clip is shown part of its answer; the features of "
        "this study are of mode tubelet, in which no leak is found."
    )


def test_a_leak_of_the_study_itself_is_said(tmp_path):
    said = claim(tmp_path, leakage_table(CAUSAL | CLIP), mode="clip")
    assert said.endswith(
        "The features of this study are of mode clip, which leaks: its predictors are shown part "
        "of their answer."
    )


def test_no_leak_is_no_proof_of_one(tmp_path):
    said = claim(tmp_path / "a", leakage_table(CAUSAL | {"clip": (0.05, 0.55)}))
    assert said.endswith(
        "No probe tells more than chance and the first position; the features of this study are of "
        "mode tubelet, in which no leak is found."
    )
    # What the first position tells is no leak.
    table = leakage_table({"clip": (0.3, 0.55)})
    start = (table["mode"] == leakage.START) & (table["target"] == "displacement")
    table.loc[start, "value"] = 0.25
    assert "No probe tells more than chance" in claim(tmp_path / "b", table)


def test_a_mode_that_cannot_tell_the_clips_of_a_pair_is_not_accused(tmp_path):
    said = claim(tmp_path, leakage_table({"tubelet": (0.3, 0.5)}))
    assert "R² 0.30 [0.20, 0.40]" in said
    assert said.endswith("of mode tubelet, in which no leak is found.")


def test_a_mode_that_was_not_probed_is_not_cleared(tmp_path):
    said = claim(tmp_path, leakage_table(CLIP), mode="prefix")
    assert said.endswith("this study are of mode prefix, which was not probed.")


def test_too_few_episodes_say_nothing(tmp_path, monkeypatch):
    table = leakage_table(CAUSAL)
    table[["value", "low", "high"]] = np.nan
    figure, plotted = compose(write_inputs(tmp_path, table))
    assert_no_collisions(figure, drawn_texts(figure, monkeypatch))
    assert len(plotted) == len(table)
    assert claim(tmp_path, table).startswith("Nothing is known of leakage")


def test_one_latent_and_many_are_named(tmp_path):
    table = leakage_table(CLIP)
    assert "from z₁, before" in claim(tmp_path / "one", table[table["t"] == 1])
    assert "from z₁ … z₃, before" in claim(tmp_path / "all", table.assign(clips=80))
