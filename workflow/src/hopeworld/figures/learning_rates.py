"""What every rate costs: loss in B against loss back in A, on the tuning stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hopeworld import files, settings
from hopeworld.evaluation.labels import PHASES, in_order, label
from hopeworld.figures import style

HEIGHT_IN = 3.4
X, Y = "loss_B", "loss_A2"
SMALLEST, LARGEST = 2.5, 7.5
# Of the loss of the chosen rate: what lies farther is off the frame.
FRAME = 1.25


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    tuning: Path
    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: the rows of the table of rates, whole."""
    metrics, plotted = files.read_json(inputs.metrics), pd.read_csv(inputs.tuning)
    names = in_order(plotted["method"].unique())
    figure = style.new_figure(figures, HEIGHT_IN + 0.15 * len(names), metrics)
    axis = figure.subplots()
    paths = [plotted[plotted["method"] == name].sort_values("rate") for name in names]
    handles = [_plot(axis, path, name) for path, name in zip(paths, names, strict=True)]
    hidden = _set_limits(axis, plotted)
    axis.set_xlabel("object loss in B (L1), lower is better")
    axis.set_ylabel(f"object loss in {PHASES['A2']} (L1),\nlower is better")
    legend = figure.legend(handles=handles, loc="outside upper center", ncols=1)
    legend.set_title(_note(plotted["seeds"], hidden))
    return figure, plotted


def _plot(axis: Axes, path: pd.DataFrame, name: str) -> Line2D:
    """Draw the path of a method over its rates; what stands for it in the legend."""
    shown, rates = style.look(name), path["rate"].to_numpy()
    finite = path[[X, Y]].where(np.isfinite(path[[X, Y]]))
    best = path["best"].to_numpy(bool)
    axis.plot(finite[X], finite[Y], color=shown.colour, linewidth=0.8, zorder=2)
    sizes = np.linspace(SMALLEST, LARGEST, len(path))
    for size, x, y in zip(sizes, finite[X], finite[Y], strict=True):
        axis.plot(x, y, color=shown.colour, marker=shown.marker, markersize=size, zorder=3)
    axis.plot(
        finite[X][best], finite[Y][best], linestyle="none", marker="o", markersize=12,
        markerfacecolor="none", markeredgecolor=shown.colour, zorder=4,
    )  # fmt: skip
    text = f"{label(name)}: {chosen_text(rates, best)}"
    return Line2D([], [], color=shown.colour, marker=shown.marker, label=text)


def chosen_text(rates: Sequence[float], best: Sequence[bool]) -> str:
    """The chosen of some rates in words."""
    chosen = ", ".join(f"{rate:g}" for rate, one in zip(rates, best, strict=True) if one)
    return f"chosen {chosen or 'none'} of {', '.join(f'{rate:g}' for rate in rates)}"


def _set_limits(axis: Axes, plotted: pd.DataFrame) -> int:
    """Frame the rates near the chosen ones; how many lie beyond it, or diverged."""
    finite = plotted[np.isfinite(plotted[[X, Y]]).all(axis=1)]
    best = finite[finite["best"].astype(bool)]
    if best.empty:
        return len(plotted)
    bounds = {column: FRAME * best[column].max() for column in (X, Y)}
    inside = finite[(finite[X] <= bounds[X]) & (finite[Y] <= bounds[Y])]
    for column, limit in ((X, axis.set_xlim), (Y, axis.set_ylim)):
        low, high = inside[column].min(), inside[column].max()
        pad = 0.12 * max(high - low, 0.01 * high)
        limit(low - pad, high + pad)
    return len(plotted) - len(inside)


def _note(seeds: pd.Series, hidden: int) -> str:
    beyond = f"; {hidden} beyond the frame" if hidden else ""
    number = int(seeds.max())
    mean = f"mean of {number} seeds" if number > 1 else "one seed"
    return f"markers grow with the rate, ○: chosen on the tuning stream; {mean}{beyond}"
