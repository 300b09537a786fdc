"""What was lost on A against what was won on B: one marker per seed, the mean with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import label
from hopeworld.figures import curves, style

HEIGHT_IN = 3.4
X, Y = "recovered_gap", "forgetting_rate"
PERCENT = 100.0


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers in percent: method, seed (empty: mean), values, intervals."""
    metrics = files.read_json(inputs.metrics)
    names = curves.adapting(metrics, figures.methods)
    plotted = pd.concat([_points(metrics, name) for name in names], ignore_index=True)
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    axis = figure.subplots()
    _set_limits(axis, plotted)
    axis.axhline(0, color=style.GREY, linewidth=0.6)
    axis.axvline(0, color=style.GREY, linewidth=0.6)
    for name in names:
        _plot(axis, plotted[plotted["method"] == name], name)
    if not np.isfinite(plotted[[X, Y]]).all(axis=1).any():
        why = "NA: no skill to forget, or no excess loss to recover"
        axis.text(0.5, 0.6, why, transform=axis.transAxes, ha="center")
    axis.set_xlabel("recovered share of the excess loss in B, late in B (%), higher is better")
    axis.set_ylabel("forgetting rate on A (%),\nlower is better")
    _explain(figure, metrics)
    return figure, plotted


def _points(metrics: Mapping[str, Any], name: str) -> pd.DataFrame:
    seeds = curves.per_seed(metrics, [name], [X, Y]).drop(columns="method")
    seeds[[X, Y]] *= PERCENT
    entry = metrics["methods"][name]
    mean: dict[str, Any] = {"seed": pd.NA}
    for axis in (X, Y):
        values = {part: entry[axis][part] for part in ("mean", "low", "high")}
        values = {k: np.nan if v is None else v * PERCENT for k, v in values.items()}
        mean |= {axis: values["mean"], f"{axis}_low": values["low"], f"{axis}_high": values["high"]}
    rows = pd.concat([seeds.astype({"seed": "Int64"}), pd.DataFrame([mean])], ignore_index=True)
    return rows.assign(method=name)[["method", *rows.columns]]


def _set_limits(axis: Axes, plotted: pd.DataFrame) -> None:
    """Frame the seeds; an interval of two seeds may be longer than the frame and is cut there."""
    for values, limit in ((plotted[X], axis.set_xlim), (plotted[Y], axis.set_ylim)):
        known = [0.0, *values[np.isfinite(values)]]
        pad = 0.15 * max(max(known) - min(known), 1.0)
        limit(min(known) - pad, max(known) + pad)


def _plot(axis: Axes, rows: pd.DataFrame, name: str) -> None:
    shown = style.look(name)
    seeds, mean = rows[rows["seed"].notna()], rows[rows["seed"].isna()].iloc[0]
    axis.plot(
        seeds[X], seeds[Y], linestyle="none", marker=shown.marker, color=shown.colour,
        markerfacecolor="none", markersize=4,
    )  # fmt: skip
    known = np.isfinite([mean[X], mean[Y]]).all()
    text = label(name) if known else f"{label(name)}: NA"
    axis.plot(
        mean[X], mean[Y], linestyle="none", marker=shown.marker, color=shown.colour,
        markersize=7, label=text,
    )  # fmt: skip
    if known and np.isfinite(mean[f"{X}_low"]) and np.isfinite(mean[f"{Y}_low"]):
        reach = [[[mean[v] - mean[f"{v}_low"]], [mean[f"{v}_high"] - mean[v]]] for v in (X, Y)]
        axis.errorbar(
            mean[X], mean[Y], xerr=reach[0], yerr=reach[1], color=shown.colour, linewidth=0.8
        )


def _explain(figure: Figure, metrics: Mapping[str, Any]) -> None:
    legend = figure.legend(loc="outside upper center", ncols=3)
    seeds = len(metrics["seeds"])
    large = "large: mean"
    if seeds > 1:
        large = f"large: mean with {metrics['confidence']:.0%} t interval, cut at the frame"
    legend.set_title(f"small: one of {seeds} seeds; {large}" if seeds > 1 else "one seed")
