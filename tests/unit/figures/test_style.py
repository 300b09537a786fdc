"""One look per method."""

from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd

from hopeworld import settings
from hopeworld.evaluation.labels import LABELS
from hopeworld.figures import style

FIGURES = settings.Figures(methods=(), text_width_in=5.9, font_pt=8.0, dpi=100)
METRICS = {"encoder": {"weights": "random", "mode": "clip"}, "gate": {"passed": True}}
MODELS = ("vit_ac",)
METHODS = ("vit_frozen", "vit_tta", "vit_tta_literal", "hope_frozen", "hope_per_clip", "hope")


def test_methods_differ_in_colour_and_in_marker():
    for one, other in combinations(METHODS, 2):
        assert style.look(one).colour != style.look(other).colour
        assert style.look(one).marker != style.look(other).marker


def test_every_contestant_has_a_look_of_its_own():
    settled = {name for name in LABELS if name not in MODELS}
    assert settled <= set(style.LOOKS)
    looks = [(style.LOOKS[name].colour, style.LOOKS[name].marker) for name in settled]
    assert len(set(looks)) == len(looks)


def test_persistence_is_grey_and_dotted_and_twins_are_dashed():
    assert style.look("persistence") == style.Look(style.GREY, "", style.DOTTED)
    assert {style.look(name).dash for name in ("vit_frozen", "hope_frozen")} == {style.DASHED}


def test_an_unknown_method_always_looks_the_same():
    assert style.look("my_method") == style.look("my_method")


def test_nothing_global_stays_changed():
    before = dict(matplotlib.rcParams)
    with style.styled(FIGURES):
        assert matplotlib.rcParams["pdf.fonttype"] == 42
    assert dict(matplotlib.rcParams) == before


def test_saving_is_atomic_and_leaves_no_temporary_files(tmp_path):
    paths = style.Paths(tmp_path / "x.pdf", tmp_path / "x.png", tmp_path / "x.csv")
    with style.styled(FIGURES):
        figure = style.new_figure(FIGURES, 2.0, METRICS)
        figure.subplots().plot([0, 1])
        style.save(figure, pd.DataFrame({"y": [0, 1]}), paths)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.csv", "x.pdf", "x.png"]
    assert paths.csv.read_text() == "y\n0\n1\n"


def test_b_is_shaded_from_its_first_to_its_last_clip():
    with style.styled(FIGURES):
        axis = style.new_figure(FIGURES, 2.0, METRICS).subplots()
        style.shade_phases(axis, ["A1"] * 3 + ["B"] * 2 + ["A2"], named=True)
    box = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    np.testing.assert_allclose([box.x0, box.x1], [2.5, 4.5])


def test_every_b_is_shaded_and_every_phase_named():
    with style.styled(FIGURES):
        axis = style.new_figure(FIGURES, 2.0, METRICS).subplots()
        spans = {"A1": (0, 3), "B": (3, 5), "A2": (5, 8), "B2": (8, 9)}
        style.shade_spans(axis, spans, named=True)
    assert len(axis.patches) == 2
    assert [text.get_text() for text in axis.texts] == ["A₁", "B", "A₂", "B₂"]
    assert axis.get_xlim() == (0, 9)


def test_wrapped_lines_fit_the_width():
    lines = style.wrapped("a verdict of many words " * 20, FIGURES)
    assert len(lines) > 3
    assert max(len(line) for line in lines) * style.GLYPH_EM * 8.0 <= 5.9 * 72
