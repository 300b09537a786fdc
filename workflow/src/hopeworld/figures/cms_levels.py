"""The levels of HOPE's continuum memory: size, updates, and what a look-back step teaches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hopeworld import files, settings
from hopeworld.evaluation.labels import in_order, label
from hopeworld.figures import curves, memory_curves, style

HEIGHT_IN = 5.2
OF_LEVEL = {
    "delta": "norm of the delta /\ninitial norm",
    "updates": "updates since\nthe last reset",
}
LOOK_BACK = {
    "loss": "loss of the last transition,\nall patches (L1)",
    "taught": "loss that a\nstep takes away",
}
NOTED = ("delta", "updates", "dead", "loss_before", "loss_after")


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    memory: Path
    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: method, memory, name, k, phase, mean, low, high, seeds.

    The name `taught` is loss_before - loss_after, of every look-back step.
    """
    metrics = files.read_json(inputs.metrics)
    plotted = _curves(curves.read_drawn(inputs.memory, metrics, figures.methods))
    levels = memory_curves.levels_of(plotted)
    if not levels:
        figure = style.new_figure(figures, 1.0, metrics)
        figure.text(0.5, 0.5, "no method of this study has a continuum memory", ha="center")
        return figure, plotted
    has_look_back = "taught" in set(plotted["name"])
    figure = style.new_figure(figures, HEIGHT_IN if has_look_back else HEIGHT_IN - 1.6, metrics)
    axes = _axes(figure, levels, has_look_back)
    phases = memory_curves.sampled_phases(plotted)
    for key, axis in axes.items():
        style.shade_phases(axis, phases, named=key[1] != "updates")
    for (memory, name, method), curve in plotted.groupby(["memory", "name", "method"]):
        if name != "dead":
            key = (memory, "loss") if name.startswith("loss") else (memory, name)
            _plot(axes[key], curve, method, faded=name == "loss_after")
    _describe(axes, plotted, levels)
    _explain(figure, plotted)
    return figure, plotted


def _curves(memory: pd.DataFrame) -> pd.DataFrame:
    cms = memory["memory"].str.startswith("cms")
    rows = memory[cms & memory["name"].isin(NOTED)]
    keys = ["method", "memory", "seed", "order", "k", "phase", "t"]
    before, after = (rows[rows["name"] == f"loss_{when}"] for when in ("before", "after"))
    steps = before.merge(after[[*keys, "value"]], on=keys, suffixes=("", "_after"))
    taught = steps.assign(value=steps["value"] - steps["value_after"], name="taught")
    parts = [part for part in (rows, taught[rows.columns]) if len(part)]
    return memory_curves.memory_curves(pd.concat(parts) if parts else rows)


def _axes(figure: Figure, levels: list[str], has_look_back: bool) -> dict[tuple[str, str], Axes]:
    """A column for every level above two panels for the look-back of the whole memory."""
    places = figure.add_gridspec(2, 1, height_ratios=[2, 1]) if has_look_back else None
    whole = figure.add_gridspec(1, 1)[0] if places is None else places[0]
    grid = whole.subgridspec(len(OF_LEVEL), len(levels))
    axes: dict[tuple[str, str], Axes] = {}
    for row, name in enumerate(OF_LEVEL):
        for column, level in enumerate(levels):
            first = axes.get((levels[0], name)) if name == "delta" else None
            axes[level, name] = figure.add_subplot(grid[row, column], sharey=first)
    if places is not None:
        below = places[1].subgridspec(1, len(LOOK_BACK))
        for column, name in enumerate(LOOK_BACK):
            axes["cms", name] = figure.add_subplot(below[column])
    return axes


def _plot(axis: Axes, curve: pd.DataFrame, method: str, faded: bool) -> None:
    shown = style.look(method)
    axis.fill_between(
        curve["k"], curve["low"], curve["high"], color=shown.colour, alpha=0.15, linewidth=0
    )
    axis.plot(
        curve["k"], curve["mean"], color=shown.colour, linestyle=shown.dash,
        marker="" if faded else shown.marker, markevery=max(1, len(curve) // 4),
        alpha=0.6 if faded else 1.0, linewidth=0.8 if faded else 1.2,
    )  # fmt: skip


def _describe(axes: dict[tuple[str, str], Axes], plotted: pd.DataFrame, levels: list[str]) -> None:
    dead = memory_curves.dead_points(plotted)
    for (memory, name), axis in axes.items():
        if memory == "cms":
            axis.set_ylabel(LOOK_BACK[name])
            axis.set_xlabel("clip of the stream")
            continue
        if memory == levels[0]:
            axis.set_ylabel(OF_LEVEL[name])
        elif name == "delta":
            axis.tick_params(labelleft=False)
        axis.set_ylim(bottom=0)
        if name == "delta":
            axis.set_title(f"CMS, period {memory_curves.period(memory)}", pad=14)
            axis.tick_params(labelbottom=False)
            memory_curves.mark_dead(axis, dead[dead["memory"] == memory])
        else:
            axis.set_xlabel("clip of the stream")
    if ("cms", "taught") in axes:
        axes["cms", "taught"].axhline(0, color=style.GREY, linewidth=0.6)


def _explain(figure: Figure, plotted: pd.DataFrame) -> None:
    """A legend in columns: methods, before and after, what else there is to say."""
    black, methods = style.BLACK, []
    for name in in_order(plotted["method"].unique()):
        look = style.look(name)
        marks = {"color": look.colour, "linestyle": look.dash, "marker": look.marker}
        methods.append(Line2D([], [], label=label(name), **marks))
    steps = [
        Line2D([], [], color=black, label="before the look-back"),
        Line2D([], [], color=black, linewidth=0.8, alpha=0.6, label="after it"),
    ]
    notes = [Line2D([], [], linestyle="none", label=curves.band_note(plotted["seeds"].max()))]
    if not memory_curves.dead_points(plotted).empty:
        notes.append(Line2D([], [], color=black, marker="x", linestyle="none", label="dead level"))
    has_steps = "taught" in set(plotted["name"])
    memory_curves.add_legend(figure, [methods, steps if has_steps else [], notes])
