"""Every figure: size, fonts, the same bytes every time, stamp, numbers, no collisions."""

import dataclasses
import functools
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from tests import synthetic
from tests.figure_checks import (
    assert_csv_holds,
    assert_no_collisions,
    assert_print_quality,
    drawn_texts,
    module_of,
)
from tests.figure_inputs import FIGURES

from hopeworld.figures import style

NAMES = (
    "protocol",
    "clip_strips",
    "training_curves",
    "online_loss",
    "paired_gain",
    "forgetting_recovery",
    "titan_diagnostics",
    "probe_curves",
    "recovery",
    "horizon",
    "physics_probe",
    "learning_rates",
    "contrasts",
)
# Those that show every contestant.
WHOLE_TABLES = ("learning_rates", "contrasts")


@pytest.fixture(scope="session")
def composed(inputs):
    """Compose a figure at one font size, once per session."""

    @functools.cache
    def compose(name, font_pt=8.0):
        figures = dataclasses.replace(FIGURES, font_pt=font_pt)
        with style.styled(figures):
            return module_of(name).compose(inputs[name], figures)

    return compose


@pytest.mark.usefixtures("restless_solver")
@pytest.mark.parametrize("name", NAMES)
def test_files_are_whole_and_have_the_same_bytes_every_time(name, inputs, composed, tmp_path):
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        paths = style.Paths(folder / "f.pdf", folder / "f.png", folder / "f.csv")
        module_of(name).draw(inputs[name], FIGURES, paths)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert set(written[0]) == {"f.pdf", "f.png", "f.csv"}
    assert written[0] == written[1]
    assert_print_quality(written[0]["f.pdf"])
    assert imread(tmp_path / "a" / "f.png").shape[1] == 590
    assert_csv_holds(tmp_path / "a" / "f.csv", composed(name)[1])


@pytest.mark.parametrize("name", NAMES)
def test_the_stamp_is_on_the_face(name, composed):
    figure, _ = composed(name)
    texts = [text.get_text() for text in figure.texts if text.get_gid() == style.STAMP_NAME]
    assert texts == [
        "random encoder weights (no pretrained V-JEPA 2) · encoder mode: tubelet · gate not passed"
    ]


@pytest.mark.parametrize("font_pt", [8.0, 9.0])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_leaves_the_figure_or_covers_another(name, font_pt, composed, monkeypatch):
    figure, _ = composed(name, font_pt)
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 10
    assert_no_collisions(figure, texts)


def lines_of(axis, colour):
    drawn = [line for line in axis.lines if line.get_color() == colour]
    return np.concatenate([line.get_ydata() for line in drawn])


@pytest.mark.parametrize("method", ["hope", "vit_frozen", "persistence"])
def test_online_loss_draws_its_table(method, composed):
    figure, plotted = composed("online_loss")
    expected = plotted.loc[plotted["method"] == method, "mean"]
    drawn = lines_of(figure.axes[0], style.look(method).colour)
    np.testing.assert_allclose(drawn, expected)


def test_curves_do_not_smooth_across_a_change_of_physics(composed):
    _, plotted = composed("online_loss")
    frozen = plotted[plotted["method"] == "vit_frozen"].set_index("k")["mean"]
    assert frozen[31] < 0.25
    assert frozen[32] > 0.28


def test_gain_leaves_out_frozen_methods_and_marks_half_lives(composed):
    figure, plotted = composed("paired_gain")
    assert set(plotted["method"]) == {"vit_tta", "vit_force_scale", "hope"}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(
        re.search(r"HOPE \(half-life \d\.\d clips, n = 2; net of placebo \+0\.03\d\d\)", text)
        for text in labels
    )
    marks = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert len(marks) == 3
    hope = plotted[(plotted["method"] == "hope") & (plotted["panel"] == "gain")]
    assert max(m.get_ydata()[0] for m in marks) < hope["mean"].max()


def test_forgetting_has_one_marker_per_seed_and_a_mean(composed):
    _, plotted = composed("forgetting_recovery")
    rows = plotted[plotted["method"] == "vit_tta"]
    assert rows["seed"].notna().sum() == 2
    mean = rows[rows["seed"].isna()].iloc[0]
    seeds = rows[rows["seed"].notna()]
    assert mean["forgetting_rate"] == pytest.approx(seeds["forgetting_rate"].mean())
    assert mean["forgetting_rate_low"] < seeds["forgetting_rate"].min()


def test_training_curves_show_the_gate(composed):
    figure, _ = composed("training_curves")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "gate: skill 0.2" in labels
    assert "persistence" in labels
    assert "HOPE, zero action" in labels


def test_titan_diagnostics_show_memory_and_levels(composed):
    _, plotted = composed("titan_diagnostics")
    assert set(plotted["memory"]) == {"memory", "cms_1", "cms_4", "cms_16"}
    assert set(plotted["method"]) == {"hope", "hope_frozen"}
    before = plotted.query("name == 'surprise_before' and method == 'hope'").set_index("k")["mean"]
    after = plotted.query("name == 'surprise_after' and method == 'hope'").set_index("k")["mean"]
    assert (after < before).all()


def test_protocol_states_phases_probes_and_changes(composed):
    _, plotted = composed("protocol")
    phases = plotted[(plotted["item"] == "phase") & (plotted["stream"] == "main")]
    assert phases["clips"].tolist() == [32, 64, 48]
    assert phases["friction_scale"].tolist() == [1.0, 0.4, 1.0]
    main = plotted[(plotted["item"] == "probe") & (plotted["stream"] == "main")]
    assert {0, 32, 96, 144} <= set(main["k"])
    changes = plotted[plotted["item"] == "method"].set_index("name")
    assert changes.loc["hope", "gradient steps"] == "–"
    assert changes.loc["hope", "memory"] == "writes, look-back"
    assert changes.loc["hope", "reset"] == "never"
    assert changes.loc["vit_tta", "gradient steps"] == "LayerNorm γ, β"


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_study_is_drawn(name, smallest, tmp_path):
    paths = style.Paths(tmp_path / "f.pdf", tmp_path / "f.png", tmp_path / "f.csv")
    module_of(name).draw(smallest[name], FIGURES, paths)
    assert len(pd.read_csv(paths.csv)) > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WHOLE_TABLES])
def test_variants_and_missing_contestants_are_left_out(name, ablation, monkeypatch):
    with style.styled(FIGURES):
        figure, plotted = module_of(name).compose(ablation[name], FIGURES)
    texts = drawn_texts(figure, monkeypatch)
    assert_no_collisions(figure, texts)
    words = " ".join(text.get_text() for text in texts)
    assert "static" not in words
    assert "ViT" not in words
    assert "static" not in plotted.to_csv()


def test_strips_refuse_frames_of_another_camera(inputs):
    module = module_of("clip_strips")
    camera = dataclasses.replace(inputs["clip_strips"].camera, image_px=128)
    wrong = dataclasses.replace(inputs["clip_strips"], camera=camera)
    with pytest.raises(module.PairError, match=r"000001\.mp4: 64 x 64 px, not 128 x 128"):
        module.compose(wrong, FIGURES)


def test_training_curves_frame_the_trained_model(inputs, tmp_path):
    module, path = module_of("training_curves"), tmp_path / "history.parquet"
    history = pd.read_parquet(inputs["training_curves"].history)
    history.loc[(history["step"] == 0) & (history["name"] == "skill"), "value"] = -16.0
    history.to_parquet(path)
    steep = dataclasses.replace(inputs["training_curves"], history=path)
    with style.styled(FIGURES):
        figure, plotted = module.compose(steep, FIGURES)
    low, high = figure.axes[1].get_ylim()
    assert -0.6 < low < 0
    assert high > 0.3
    assert plotted["value"].min() == -16.0


def test_a_study_without_memories_says_so(study, tmp_path):
    module, empty = module_of("titan_diagnostics"), tmp_path / "memory.parquet"
    synthetic.memory("vit_tta", synthetic.TRUTHS["vit_tta"]).to_parquet(empty)
    with style.styled(FIGURES):
        figure, plotted = module.compose(module.Inputs(empty, study / "metrics.json"), FIGURES)
    assert plotted.empty
    assert "no method of this study has a memory" in [t.get_text() for t in figure.texts]


def test_strips_obey_the_law_and_need_a_pair(composed):
    _, plotted = composed("clip_strips")
    error = (plotted["distance_m"] - plotted["law_m"]).abs() / plotted["resting_m"]
    assert error.max() < 0.005
    far = plotted.groupby("domain")["distance_m"].max()
    assert far["B"] > 1.5 * far["A"]


def test_strips_refuse_a_clip_that_is_not_there(inputs):
    module = module_of("clip_strips")
    wrong = module.Inputs(**{**vars(inputs["clip_strips"]), "clip": 99})
    with pytest.raises(module.PairError, match="clip 99 is not in both from one draw"):
        module.compose(wrong, FIGURES)
