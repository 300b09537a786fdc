"""The places of the panels of a figure, the same every time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

STEPS = 2**20
"""Of a place along the width or height of a figure, each far less than a pixel. A power of two:
sizes of text and pads are short decimals, which lie halfway between two steps of a power of ten."""
ROUNDS = 2
"""The ticks of a panel depend on its size, and its size on its ticks."""


def settle(figure: Figure) -> None:
    """Lay a figure out for good; call inside `style.styled`, when all is drawn. A second time, and
    without a layout engine, panels stay where they are.

    The solver orders its variables by their addresses, so its last digits differ from run to run,
    and with them now and then a digit of the PDF or a pixel of an image.
    """
    engine = figure.get_layout_engine()
    for _ in range(ROUNDS if engine and figure.axes else 0):
        engine.execute(figure)
    figure.set_layout_engine("none")
    for axis in figure.axes:
        place = axis.get_position(original=True).get_points()
        axis.set_position(Bbox(np.round(place * STEPS) / STEPS))
