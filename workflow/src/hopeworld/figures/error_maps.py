"""Where a prediction errs: the error of every patch on the frames of one clip of B."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PERSISTENCE, label
from hopeworld.figures import style
from hopeworld.figures.examples import Example, Inputs, draw_outline, read_example

SHOWN_TRANSITIONS = 3
OPACITY, GREY_SHARE, LARGEST = 0.9, 0.45, 3.0
TITLE_GLYPHS = 9
BAR_SHARE, EXTRA_IN, MARGIN_IN = 0.1, 1.1, 0.4


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: clip, t, patch, object (1 on its patches), panel, error (L1)."""
    metrics = files.read_json(inputs.metrics)
    example = read_example(inputs, metrics["twins"])
    errors, difference = dict(example.errors), _compared(list(inputs.examples), metrics["twins"])
    errors["difference"] = errors[difference[0]] - errors[difference[1]]
    shown = _transitions(example)
    width = (figures.text_width_in - MARGIN_IN) / (len(errors) + 1)
    figure = style.new_figure(figures, width * len(shown) + EXTRA_IN, metrics)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    heights = [1.0] * len(shown) + [BAR_SHARE]
    grid = figure.add_gridspec(len(heights), len(errors) + 1, height_ratios=heights)
    places = np.ndindex(len(shown), len(errors) + 1)
    axes = np.array([figure.add_subplot(grid[place]) for place in places])
    axes = axes.reshape(len(shown), -1)
    plotted = _numbers(example, errors, shown)
    maps = _scales(plotted)
    for row, t in enumerate(shown):
        _draw_frame(axes[row, 0], example, t)
        for column, (name, values) in enumerate(errors.items(), start=1):
            _draw_errors(axes[row, column], example, t, values[t], maps[name == "difference"])
    _name_columns(axes[0], list(errors))
    _draw_bars(figure, grid, maps, difference)
    return figure, plotted


def _compared(methods: list[str], twins: Mapping[str, str]) -> tuple[str, str]:
    """What the difference is of: the last method and the first, or one method and its twin."""
    return (methods[-1], methods[0]) if len(methods) > 1 else (methods[0], twins[methods[0]])


def _transitions(example: Example) -> list[int]:
    """The transition of the push, the last one, and one between them."""
    count = len(example.truth) - 1
    push = min(example.onset // settings.TUBELET_FRAMES, count - 1)
    return sorted(set(np.linspace(push, count - 1, SHOWN_TRANSITIONS).round().astype(int).tolist()))


def _numbers(example: Example, errors: Mapping[str, np.ndarray], shown: list[int]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "clip": example.clip,
                "t": t,
                "patch": np.arange(len(values[t])),
                "object": example.objects[t].astype(int),
                "panel": name,
                "error": values[t].astype(float),
            }
        )
        for name, values in errors.items()
        for t in shown
    ]
    return pd.concat(parts, ignore_index=True)


def _scales(plotted: pd.DataFrame) -> tuple[ScalarMappable, ScalarMappable]:
    """One scale for all errors, from 0; one for the difference, around 0.

    What has diverged is off the scale: it ends at `LARGEST` times the error of persistence.
    """
    finite = plotted.assign(error=plotted["error"].abs())[np.isfinite(plotted["error"])]
    ends = finite.groupby("panel")["error"].max()
    bound = max(LARGEST * ends[PERSISTENCE], 1e-6)
    highest = min(ends.drop("difference", errors="ignore").max(), bound)
    largest = min(max(ends.get("difference", 0.0), 1e-6), bound)
    strength = np.linspace(0, 1, 256)
    rising = _faded("YlOrRd", strength)
    around = _faded("PuOr_r", np.abs(2 * strength - 1))
    errors = ScalarMappable(Normalize(0, highest), rising)
    return errors, ScalarMappable(Normalize(-largest, largest), around)


def _faded(name: str, strength: np.ndarray) -> Colormap:
    """A colour map that lets the frame through where there is little to see."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, len(strength)))
    colours[:, 3] = OPACITY * strength
    return ListedColormap(colours)


def _draw_frame(axis: Axes, example: Example, t: int) -> None:
    axis.imshow(example.frame_of(t + 1))
    _finish(axis, example, t, "white")
    axis.set_ylabel(f"$z_{t} \\rightarrow z_{t + 1}$")


def _draw_errors(
    axis: Axes, example: Example, t: int, errors: np.ndarray, scale: ScalarMappable
) -> None:
    grey = example.frame_of(t + 1).mean(-1) / 255
    axis.imshow(1 - GREY_SHARE * (1 - grey), cmap="gray", vmin=0, vmax=1)
    values = errors.reshape(example.grid)
    height, width = grey.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axis.imshow(values, cmap=scale.cmap, norm=scale.norm, extent=extent, interpolation="nearest")
    _finish(axis, example, t, style.BLACK)


def _finish(axis: Axes, example: Example, t: int, colour: str) -> None:
    patch_px = example.frames.shape[1] / example.grid[0]
    draw_outline(axis, example.objects[t].reshape(example.grid), patch_px, colour)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _name_columns(axes: np.ndarray, names: list[str]) -> None:
    axes[0].set_title("frame", loc="center")
    for axis, name in zip(axes[1:], names, strict=True):
        text = "difference" if name == "difference" else label(name)
        axis.set_title(textwrap.fill(text, TITLE_GLYPHS, break_long_words=False), loc="center")


def _draw_bars(figure: Figure, grid: Any, maps: Any, difference: tuple[str, str]) -> None:
    """The two scales below the panels."""
    places = (grid[-1, 1:-2], grid[-1, -2:])
    words = ("error of a patch (L1);\noutline: patches of the object", _minus(difference))
    for place, scale, text in zip(places, maps, words, strict=True):
        axis = figure.add_subplot(place)
        bar = figure.colorbar(scale, cax=axis, orientation="horizontal")
        bar.set_label(text)
        bar.outline.set_visible(False)


def _minus(difference: tuple[str, str]) -> str:
    return " −\n".join(label(name) for name in difference)
