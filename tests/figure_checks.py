"""What every figure must be: checks that the tests of all figures share."""

from __future__ import annotations

import importlib
import re
from itertools import combinations
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from hopeworld.figures import style
from tests.figure_inputs import FIGURES


def module_of(name: str) -> ModuleType:
    """The module of a figure."""
    return importlib.import_module(f"hopeworld.figures.{name}")


def assert_print_quality(pdf: bytes) -> None:
    """Exact width, embedded TrueType fonts, no date."""
    assert b"CreationDate" not in pdf
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf
    width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf).group(1))
    assert width == pytest.approx(FIGURES.text_width_in * 72, abs=0.01)


def assert_csv_holds(path, plotted: pd.DataFrame) -> None:
    """The file has the plotted numbers."""
    read = pd.read_csv(path)
    assert list(read) == list(plotted)
    assert len(read) == len(plotted) > 0
    numbers = plotted.select_dtypes("number").astype(float)
    np.testing.assert_allclose(read[numbers.columns].astype(float), numbers)


def assert_no_collisions(figure: Figure, texts: dict[Text, Bbox]) -> None:
    """No text leaves the figure or covers another."""
    for text, box in texts.items():
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= figure.bbox.width + 1, text
        assert box.y1 <= figure.bbox.height + 1, text
    for (one, box), (other, other_box) in combinations(texts.items(), 2):
        assert not box.padded(-1.5).overlaps(other_box.padded(-1.5)), f"{one} covers {other}"


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> dict[Text, Bbox]:
    """Boxes of the texts that reach the canvas; ticks outside their axis do not."""
    found = {}
    draw = Text.draw

    def record(text, renderer, *arguments):
        if text.get_visible() and text.get_text().strip():
            found[text] = text.get_window_extent(renderer)
        return draw(text, renderer, *arguments)

    with style.styled(FIGURES), monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        FigureCanvasAgg(figure).draw()
    return found
