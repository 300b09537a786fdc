"""Physics probe: where the object is in a predicted latent, against where it really is.

A linear decoder, fitted on the true latents of A, reads the centre from the prediction of a free
rollout. The signed error lies along the object's path: above zero it is predicted too far.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PHASES, drawn, in_order, label
from hopeworld.figures import curves, style
from hopeworld.figures.horizon import HORIZONS, horizon_curves

HEIGHT_IN = 4.0
PANELS = {
    "centre_signed": "signed error of the\ncentre (m)",
    "centre_error": "absolute error of the\ncentre (m)",
}


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers in metres: panel, method, phase, horizon, mean, low, high, seeds.

    Without decoded centres there is no curve, and the figure says so.
    """
    metrics = files.read_json(inputs.metrics)
    names = drawn(metrics, figures.methods)
    parts = [horizon_curves(metrics, names, panel).assign(panel=panel) for panel in PANELS]
    plotted = pd.concat(parts, ignore_index=True)
    plotted = plotted[["panel", *plotted.columns.drop("panel")]]
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    if plotted.empty:
        figure.text(0.5, 0.5, "no centres were decoded in this study", ha="center")
        return figure, plotted
    phases = list(plotted["phase"].unique())
    grid = figure.subplots(2, len(phases), sharex=True, sharey="row", squeeze=False)
    for axes, panel in zip(grid, PANELS, strict=True):
        for axis, phase in zip(axes, phases, strict=True):
            chosen = (plotted["panel"] == panel) & (plotted["phase"] == phase)
            _plot(axis, plotted[chosen])
        axes[0].set_ylabel(PANELS[panel])
    _describe(grid, phases)
    handles, texts = grid[0, 0].get_legend_handles_labels()
    legend = figure.legend(handles, texts, loc="outside upper center", ncols=3)
    legend.set_title(curves.band_note(plotted["seeds"].max()))
    return figure, plotted


def _plot(axis: Axes, rows: pd.DataFrame) -> None:
    for name in in_order(rows["method"].unique()):
        curve = rows[rows["method"] == name].assign(k=lambda t: t["horizon"])
        style.plot_curve(axis, curve, name, label(name))


def _describe(grid: np.ndarray, phases: list[str]) -> None:
    for axis, phase in zip(grid[0], phases, strict=True):
        axis.axhline(0, color=style.GREY, linewidth=0.6)
        axis.set_title(PHASES[phase])
    for axis in grid[1]:
        axis.set(xticks=list(HORIZONS), xlabel="horizon $H$ (steps)", ylim=(0, None))
