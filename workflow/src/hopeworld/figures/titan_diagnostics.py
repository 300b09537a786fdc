"""The memories of HOPE over the stream: surprise, inner gradient, drift, CMS deltas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hopeworld import files, settings
from hopeworld.evaluation.labels import in_order, label
from hopeworld.figures import curves, style

HEIGHT_IN = 4.4
VALUES = ("surprise_before", "surprise_after", "grad_norm", "drift", "delta")
PANELS = {
    "surprise": "surprise of the memory,\n$|M(k)-\\hat v|^2$",
    "grad_norm": "inner gradient of the\nmemory, norm",
    "drift": "drift of the memory,\nnorm / initial norm",
    "delta": "deltas of the CMS,\nnorm / initial norm",
}
MARKERS = ("o", "s", "v", "P", "X")


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
    """The figure and its numbers: method, memory, name, k, phase, mean, low, high, seeds."""
    metrics = files.read_json(inputs.metrics)
    plotted = _curves(curves.read_drawn(inputs.memory, metrics))
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    if plotted.empty:
        figure.text(0.5, 0.5, "no method of this study has a memory", ha="center")
        return figure, plotted
    axes = dict(zip(PANELS, figure.subplots(2, 2, sharex=True).flat, strict=True))
    levels = sorted({m for m in plotted["memory"] if m.startswith("cms_")}, key=_period)
    for (method, memory, name), curve in plotted.groupby(["method", "memory", "name"]):
        panel = "surprise" if name.startswith("surprise") else name
        marker = MARKERS[levels.index(memory) % len(MARKERS)] if memory in levels else ""
        _plot(axes[panel], curve, method, marker, faded=name == "surprise_after")
    _describe(axes, plotted)
    _explain(figure, plotted, levels)
    return figure, plotted


def _period(memory: str) -> int:
    return int(memory.removeprefix("cms_"))


def _curves(memory: pd.DataFrame) -> pd.DataFrame:
    """Mean over transitions, layers, heads and orders, then mean and range over seeds."""
    levels = memory["memory"].str.startswith("cms_")
    rows = memory[memory["name"].isin(VALUES) & ((memory["memory"] == "memory") | levels)]
    rows = rows[(rows["name"] == "delta") == levels[rows.index]]
    keys = ["method", "memory", "name", "seed", "k", "phase"]
    means = rows.groupby(keys, sort=False, as_index=False)["value"].mean()
    columns = ["method", "memory", "name", "k", "phase", "mean", "low", "high", "seeds"]
    parts = [
        curves.over_seeds(part, "value").assign(memory=one, name=name)
        for (one, name), part in means.groupby(["memory", "name"])
    ]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]


def _plot(axis: Axes, curve: pd.DataFrame, method: str, marker: str, faded: bool) -> None:
    shown = style.look(method)
    axis.fill_between(
        curve["k"], curve["low"], curve["high"], color=shown.colour, alpha=0.15, linewidth=0
    )
    axis.plot(
        curve["k"], curve["mean"], color=shown.colour, linestyle=shown.dash, marker=marker,
        markevery=4, alpha=0.5 if faded else 1.0, linewidth=0.8 if faded else 1.2,
    )  # fmt: skip


def _describe(axes: dict[str, Axes], plotted: pd.DataFrame) -> None:
    sampled = plotted.drop_duplicates("k").set_index("k")["phase"].sort_index()
    phases = sampled.reindex(range(sampled.index.max() + 1)).ffill().tolist()
    for index, (panel, axis) in enumerate(axes.items()):
        style.shade_phases(axis, phases, named=index < 2)
        axis.set_ylabel(PANELS[panel])
        axis.set_ylim(bottom=0)
    for panel in ("drift", "delta"):
        axes[panel].set_xlabel("clip of the stream")


def _explain(figure: Figure, plotted: pd.DataFrame, levels: list[str]) -> None:
    """One legend in three columns: methods, before and after the write, CMS levels."""
    black, looks = style.BLACK, [(n, style.look(n)) for n in in_order(plotted["method"].unique())]
    columns = [
        [Line2D([], [], color=o.colour, linestyle=o.dash, label=label(n)) for n, o in looks],
        [
            Line2D([], [], color=black, label="surprise before the write"),
            Line2D([], [], color=black, linewidth=0.8, alpha=0.5, label="surprise after it"),
            Line2D([], [], linestyle="none", label=curves.band_note(plotted["seeds"].max())),
        ],
        [
            Line2D([], [], color=black, linestyle="none", marker=marker, label=_level(memory))
            for memory, marker in zip(levels, MARKERS, strict=False)
        ],
    ]
    rows = max(len(column) for column in columns)
    blank = Line2D([], [], linestyle="none", label=" ")
    handles = [h for column in columns for h in column + [blank] * (rows - len(column))]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)


def _level(memory: str) -> str:
    return f"CMS level of period {_period(memory)}"
