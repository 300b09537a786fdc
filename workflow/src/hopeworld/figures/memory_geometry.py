"""What the stream leaves in a memory: how far it moved, whether it came back, what it is good for.

Drift and reversibility of every part, the loss with the memory of another phase (transplants),
whether the state tells the domains apart, and the benefit of carrying it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas.errors import EmptyDataError

from hopeworld import files, settings
from hopeworld.evaluation.labels import PHASES, in_order, label
from hopeworld.figures import curves, style, transplant_map

DOTS_IN, MAP_IN, LEGEND_IN = 1.75, 1.85, 0.5
STATES = ("A1", "B", "A2")
LAST = ("separability", "carry_benefit")
SPREAD = 0.24
COLUMNS = ["panel", "method", "seed", "part", "state", "domain", "value", "low", "high"]


@dataclass(frozen=True)
class Inputs:
    """What the figure reads: the tables of the analysis of memories."""

    geometry: Path
    transplant: Path
    separability: Path
    usefulness: Path
    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers, one row per dot or cell: `COLUMNS`.

    Panels: drift, reversibility, transplant (object loss), separability, carry_benefit. A row
    without a seed is the mean over seeds.
    """
    metrics = files.read_json(inputs.metrics)
    plotted = _numbers(inputs, metrics, figures)
    if plotted.empty:
        figure = style.new_figure(figures, 1.0, metrics)
        figure.text(0.5, 0.5, "no method of this study carries anything", ha="center")
        return figure, plotted
    maps = transplant_map.blocks(plotted[plotted["panel"] == "transplant"])
    panels = set(plotted["panel"])
    heights = [DOTS_IN] * ("drift" in panels)
    heights += [MAP_IN * transplant_map.row_count(maps)] * bool(maps)
    heights += [DOTS_IN] * any(panel in panels for panel in LAST)
    figure = style.new_figure(figures, sum(heights) + LEGEND_IN, metrics)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    places = [grid[row] for row in range(len(heights))]
    if "drift" in panels:
        _draw_geometry(figure, places.pop(0), plotted)
    if any(panel in panels for panel in LAST):
        _draw_last(figure, places.pop(), plotted)
    if maps:
        transplant_map.draw_blocks(figure, places[0], maps)
    _explain(figure, plotted)
    return figure, plotted


def _numbers(inputs: Inputs, metrics: Mapping[str, Any], figures: settings.Figures) -> pd.DataFrame:
    shown = curves.adapting(metrics, figures.methods)
    geometry, transplant, separability, usefulness = (
        _read(path, columns, shown)
        for path, columns in (
            (inputs.geometry, ["part", *(f"drift_{s}" for s in STATES), "reversibility"]),
            (inputs.transplant, ["state", "part", "domain", "loss"]),
            (inputs.separability, ["part", "accuracy", "low", "high", "chance"]),
            (inputs.usefulness, ["phase", "carry_benefit"]),
        )
    )
    moved = geometry.melt(
        ["method", "seed", "part"], [f"drift_{s}" for s in STATES], "state", "value"
    )
    moved["state"] = moved["state"].str.removeprefix("drift_")
    parts = [
        moved.assign(panel="drift"),
        geometry.assign(panel="reversibility", value=geometry["reversibility"]),
        transplant.assign(panel="transplant", value=transplant["loss"]),
        separability.assign(panel="separability", value=separability["accuracy"]),
        _chance(separability),
        usefulness.assign(
            panel="carry_benefit", value=usefulness["carry_benefit"], state=usefulness["phase"]
        ),
    ]
    table = pd.concat([p.reindex(columns=COLUMNS) for p in parts if len(p)] or [_nothing()])
    return _with_means(table)


def _read(path: Path, columns: list[str], methods: list[str]) -> pd.DataFrame:
    """Some columns of a table of some methods; a file without a header is a table without rows."""
    try:
        table = pd.read_csv(path)
    except EmptyDataError:
        table = pd.DataFrame()
    table = table.reindex(columns=["method", "seed", *columns])
    return table[table["method"].isin(methods)]


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=COLUMNS).astype({"seed": "Int64"})


def _chance(separability: pd.DataFrame) -> pd.DataFrame:
    chance = separability.drop_duplicates(["method", "part"])
    return chance.assign(panel="chance", value=chance["chance"], low=np.nan, high=np.nan)


def _with_means(table: pd.DataFrame) -> pd.DataFrame:
    """Orders averaged; then the mean over seeds as rows without a seed."""
    table = table.astype({"seed": "Int64", "value": float, "low": float, "high": float})
    keys = ["panel", "method", "part", "state", "domain"]
    values = ["value", "low", "high"]
    groups = {"sort": False, "dropna": False, "as_index": False}
    seeds = table.groupby([*keys, "seed"], **groups)[values].mean()
    means = seeds.groupby(keys, **groups)[["value"]].mean().assign(seed=pd.NA)
    return pd.concat([seeds, means.astype({"seed": "Int64"})], ignore_index=True)[COLUMNS]


def _parts(rows: pd.DataFrame) -> list[str]:
    """The parts to show: `all` only where there is no other."""
    present = set(rows.dropna(subset="value")["part"])
    found = [part for part in transplant_map.PARTS if part in present]
    return [part for part in found if part != "all"] or found


def _draw_geometry(figure: Figure, place: Any, plotted: pd.DataFrame) -> None:
    drifts = plotted[plotted["panel"] == "drift"]
    parts = _parts(drifts)
    grid = place.subgridspec(1, len(parts) + 1, width_ratios=[1.0] * len(parts) + [1.6])
    for column, part in enumerate(parts):
        axis = figure.add_subplot(grid[column])
        _dots(axis, drifts[drifts["part"] == part], "state", STATES, joined=True)
        axis.set_xticks(range(len(STATES)), [PHASES[state] for state in STATES])
        axis.set_ylim(0, 1.08 * axis.get_ylim()[1])
        axis.set_title(f"drift: {transplant_map.PARTS[part]}")
        axis.set_xlabel("at the end of")
        axis.set_ylabel("" if column else "distance from\nthe start")
    axis = figure.add_subplot(grid[len(parts)])
    _dots(axis, plotted[plotted["panel"] == "reversibility"], "part", parts)
    axis.axhline(0, color=style.GREY, linewidth=0.6)
    axis.axhline(1, color=style.GREY, linewidth=0.6, linestyle=style.DOTTED)
    axis.set_xticks(range(len(parts)), [transplant_map.PARTS[part] for part in parts])
    axis.set_title("reversibility in A₂")


def _draw_last(figure: Figure, place: Any, plotted: pd.DataFrame) -> None:
    panels = [panel for panel in LAST if panel in set(plotted["panel"])]
    grid = place.subgridspec(1, len(panels))
    for column, panel in enumerate(panels):
        axis = figure.add_subplot(grid[column])
        rows = plotted[plotted["panel"] == panel]
        if panel == "separability":
            chance = plotted.loc[plotted["panel"] == "chance", "value"].mean()
            _draw_separability(axis, rows, chance)
        else:
            _draw_benefit(axis, rows)


def _draw_separability(axis: Axes, rows: pd.DataFrame, chance: float) -> None:
    parts = [part for part in transplant_map.PARTS if part in set(rows["part"])]
    _dots(axis, rows, "part", parts, intervals=True)
    axis.axhline(chance, color=style.GREY, linestyle=style.DASHED, linewidth=0.8)
    axis.set_xticks(range(len(parts)), [transplant_map.PARTS[part] for part in parts])
    lowest = np.nanmin([0.45, *rows["low"], *rows["value"]])
    axis.set(ylim=(lowest - 0.05, 1.05), ylabel="accuracy")
    axis.set_title("domain told from the state\n(dashed: chance)")


def _draw_benefit(axis: Axes, rows: pd.DataFrame) -> None:
    phases = [phase for phase in PHASES if phase in set(rows["state"])]
    _dots(axis, rows, "state", phases, joined=True)
    axis.axhline(0, color=style.GREY, linewidth=0.6)
    axis.set_xticks(range(len(phases)), [PHASES[phase] for phase in phases])
    axis.set(xlabel="phase", ylabel="L1, object patches")
    axis.set_title("benefit of carrying:\nloss reset minus loss carried")


def _dots(
    axis: Axes, rows: pd.DataFrame, column: str, order: Sequence[str], joined: bool = False,
    intervals: bool = False,
) -> None:  # fmt: skip
    """Small marks for seeds, large ones for the mean, methods side by side."""
    methods = in_order(rows["method"].unique())
    offsets = np.linspace(-SPREAD, SPREAD, len(methods)) if len(methods) > 1 else [0.0]
    axis.set_xlim(-0.5, len(order) - 0.5)
    axis.locator_params(axis="y", nbins=4)
    for name, offset in zip(methods, offsets, strict=False):
        own = rows[(rows["method"] == name) & rows[column].isin(order)]
        at = own[column].map({key: index for index, key in enumerate(order)}).astype(float) + offset
        look, one = style.look(name), own["seed"].notna()
        seeds = {"color": look.colour, "linestyle": "none", "marker": look.marker}
        if intervals:
            ends = own.loc[one, "low"], own.loc[one, "high"]
            axis.vlines(at[one], *ends, color=look.colour, linewidth=0.5)
        axis.plot(at[one], own.loc[one, "value"], **seeds, markersize=2.2, alpha=0.6)
        axis.plot(
            at[~one], own.loc[~one, "value"], color=look.colour, marker=look.marker, markersize=5,
            linestyle=look.dash if joined else "none", linewidth=0.8,
        )  # fmt: skip


def _explain(figure: Figure, plotted: pd.DataFrame) -> None:
    handles, seeds = [], plotted["seed"].nunique()
    for name in in_order(plotted["method"].unique()):
        look = style.look(name)
        marks = {"color": look.colour, "linestyle": look.dash, "marker": look.marker}
        handles.append(Line2D([], [], label=label(name), **marks))
    legend = figure.legend(handles=handles, loc="outside upper center", ncols=4)
    legend.set_title(f"small: one of {seeds} seeds; large: mean" if seeds > 1 else "one seed")
