"""The places of the panels of a figure, the same every time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

DECIMALS = 6
"""Of the width or height of a figure: far less than a pixel."""
ROUNDS = 3
"""The ticks of a panel depend on its size, and its size on its ticks."""


def settle(figure: Figure) -> None:
    """Lay a figure out for good; call inside `style.styled`, when all is drawn.

    The solver's last digits differ from run to run. Lines do not show it, but a pixel of an image
    that lies between two of its own may.
    """
    for _ in range(ROUNDS):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        place = axis.get_position(original=True).get_points()
        axis.set_position(Bbox(np.round(place, DECIMALS)))
