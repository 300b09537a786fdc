"""The memories of HOPE over the stream: surprise, gradient, drift, retention, gates, CMS deltas."""

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

ROW_IN, LEGEND_IN = 1.5, 1.15
PANELS = {
    "surprise": "surprise,\n$|M(k)-\\hat v|^2$",
    "grad_norm": "norm of the\ninner gradient",
    "drift": "drift, norm /\ninitial norm",
    "retained_share": "share of memory\nthat a clip leaves",
    "gates": "gates of a write,\nmean over tokens",
    "delta": "CMS deltas, norm /\ninitial norm",
}
PANEL_OF = {
    ("memory", "surprise_before"): "surprise",
    ("memory", "surprise_after"): "surprise",
    ("memory", "grad_norm"): "grad_norm",
    ("memory", "drift"): "drift",
    ("memory", "retained_share"): "retained_share",
    ("memory", "gate"): "gates",
    ("eta", "eta"): "gates",
    ("alpha", "alpha"): "gates",
}
GATES = {"gate": ("<", "surprise gate"), "eta": ("d", "rate η"), "alpha": ("h", "retention α")}


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
    """The figure and its numbers: panel, method, memory, name, k, phase, mean, low, high, seeds."""
    metrics = files.read_json(inputs.metrics)
    plotted = _curves(curves.read_drawn(inputs.memory, metrics, figures.methods))
    panels = [panel for panel in PANELS if panel in set(plotted["panel"])]
    if not panels:
        figure = style.new_figure(figures, 1.0, metrics)
        figure.text(0.5, 0.5, "no method of this study has a memory", ha="center")
        return figure, plotted
    rows = (len(panels) + 1) // 2
    figure = style.new_figure(figures, ROW_IN * rows + LEGEND_IN, metrics)
    grid = figure.subplots(rows, 2, sharex=True, squeeze=False)
    axes = dict(zip(panels, grid.flat, strict=False))
    for axis in grid.flat[len(panels) :]:
        axis.remove()
    levels = memory_curves.levels_of(plotted)
    for (panel, method, memory, name), curve in plotted.groupby(
        ["panel", "method", "memory", "name"], sort=False
    ):
        if name != "dead":
            _plot(axes[panel], curve, method, _marker(memory, name, levels), name)
    _describe(axes, plotted)
    _explain(figure, plotted, levels)
    return figure, plotted


def _curves(memory: pd.DataFrame) -> pd.DataFrame:
    rows = memory[memory["name"] != "retained_share"]
    rows = pd.concat([rows, memory_curves.retained(memory)], ignore_index=True)
    panel = [_panel(*names) for names in zip(rows["memory"], rows["name"], strict=True)]
    rows = rows[pd.Series(panel, dtype=object).notna().to_numpy()]
    plotted = memory_curves.memory_curves(rows)
    panel = [_panel(*names) for names in zip(plotted["memory"], plotted["name"], strict=True)]
    return plotted.assign(panel=panel)[["panel", *plotted.columns]]


def _panel(memory: str, name: str) -> str | None:
    if memory.startswith("cms_"):
        return "delta" if name in ("delta", "dead") else None
    return PANEL_OF.get((memory, name))


def _marker(memory: str, name: str, levels: list[str]) -> str:
    if name in GATES:
        return GATES[name][0]
    if memory not in levels:
        return ""
    return memory_curves.MARKERS[levels.index(memory) % len(memory_curves.MARKERS)]


def _plot(axis: Axes, curve: pd.DataFrame, method: str, marker: str, name: str) -> None:
    shown, faded = style.look(method), name == "surprise_after"
    axis.fill_between(
        curve["k"], curve["low"], curve["high"], color=shown.colour, alpha=0.15, linewidth=0
    )
    axis.plot(
        curve["k"], curve["mean"], color=shown.colour, linestyle=shown.dash, marker=marker,
        markevery=max(1, len(curve) // 4), alpha=0.5 if faded else 1.0,
        linewidth=0.8 if faded else 1.2,
    )  # fmt: skip


def _describe(axes: dict[str, Axes], plotted: pd.DataFrame) -> None:
    phases = memory_curves.sampled_phases(plotted)
    for index, (panel, axis) in enumerate(axes.items()):
        style.shade_phases(axis, phases, named=index < 2)
        axis.set_ylabel(PANELS[panel])
        axis.set_ylim(bottom=0)
    for axis in list(axes.values())[-2:]:
        axis.set_xlabel("clip of the stream")
        axis.tick_params(labelbottom=True)
    if "delta" in axes:
        memory_curves.mark_dead(axes["delta"], memory_curves.dead_points(plotted))


def _explain(figure: Figure, plotted: pd.DataFrame, levels: list[str]) -> None:
    """One legend in columns: methods, lines, and the markers of gates and CMS levels."""
    black, looks = style.BLACK, [(n, style.look(n)) for n in in_order(plotted["method"].unique())]
    names = set(plotted["name"])
    lines = [
        Line2D([], [], color=black, label="before the write"),
        Line2D([], [], color=black, linewidth=0.8, alpha=0.5, label="after it"),
    ]
    columns = [
        [Line2D([], [], color=o.colour, linestyle=o.dash, label=label(n)) for n, o in looks],
        [
            *(lines if "surprise_after" in names else []),
            Line2D([], [], linestyle="none", label=curves.band_note(plotted["seeds"].max())),
        ],
        [_mark(marker, text) for name, (marker, text) in GATES.items() if name in names],
        [_mark(_marker(one, "delta", levels), _level(one)) for one in levels],
    ]
    if not memory_curves.dead_points(plotted).empty:
        columns[-1].append(_mark("x", "dead level"))
    memory_curves.add_legend(figure, columns)


def _mark(marker: str, text: str) -> Line2D:
    return Line2D([], [], color=style.BLACK, linestyle="none", marker=marker, label=text)


def _level(level: str) -> str:
    return f"CMS, period {memory_curves.period(level)}"
