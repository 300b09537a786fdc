"""The forest plot: the candidate minus every other contestant, with intervals and the verdict.

The first contrast is the one that the rule reads; the others are exploratory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hopeworld import files, settings
from hopeworld.evaluation.labels import label
from hopeworld.figures import style

ROW_IN, FRAME_IN = 0.26, 1.5
ENDPOINTS = {
    "adaptation": "adaptation\n(loss in B)",
    "stability": "stability\n(forgetting rate)",
    "overall": "overall\n(loss in B and A₂)",
}
UNITS = {
    "adaptation": "skill points",
    "stability": "percentage points",
    "overall": "skill points",
}
POINTS = 100.0


@dataclass(frozen=True)
class Inputs:
    """What the figure reads, and the level of the tests."""

    contrasts: Path
    verdict: Path
    metrics: Path
    alpha: float
    confidence: float


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: the rows of the table of contrasts with what is no formula."""
    plotted, verdict = pd.read_csv(inputs.contrasts), files.read_json(inputs.verdict)
    metrics = files.read_json(inputs.metrics)
    # Formulas are in the table: next to them nothing else could be told apart.
    names = dict.fromkeys(plotted["contrast"])
    names = [name for name in names if sides(name)[1] not in settings.CLOSED_FORM]
    plotted = plotted[plotted["contrast"].isin(names)]
    endpoints = [name for name in ENDPOINTS if name in set(plotted["endpoint"])]
    lines = style.wrapped(verdict_text(verdict), figures)
    line_in = 1.35 * figures.font_pt / style.POINTS_PER_INCH
    height = FRAME_IN + ROW_IN * len(names) + line_in * (len(lines) + 1)
    figure = style.new_figure(figures, height, metrics)
    axes = figure.subplots(1, len(endpoints), sharey=True, squeeze=False)[0]
    for axis, endpoint in zip(axes, endpoints, strict=True):
        _draw_endpoint(axis, plotted[plotted["endpoint"] == endpoint], names, inputs.alpha)
        axis.set_title(ENDPOINTS[endpoint])
        axis.set_xlabel(UNITS[endpoint])
    axes[0].set_yticks(range(len(names)), [f"− {label(sides(name)[1])}" for name in names])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    _explain(figure, plotted, inputs, "\n".join(lines))
    return figure, plotted


def verdict_text(verdict: Mapping[str, Any]) -> str:
    """What stands on the face of the figure; the sentence of no verdict says so itself."""
    return (
        verdict["sentence"] if verdict["outcome"] == "none" else f"Verdict: {verdict['sentence']}"
    )


def sides(contrast: str) -> tuple[str, str]:
    """The two methods of a contrast, first minus second: `hope - vit_tta`."""
    first, second = contrast.split(" - ")
    return first.strip(), second.strip()


def _draw_endpoint(axis: Axes, rows: pd.DataFrame, names: list[str], alpha: float) -> None:
    axis.axvline(0, color=style.GREY, linewidth=0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    # The first contrast is the one that the rule reads.
    axis.axhline(0.5, color=style.GREY, linewidth=0.6, linestyle=style.DOTTED)
    seeds = [column for column in rows if re.fullmatch(r"seed\d+", column)]
    for row in rows.to_dict("records"):
        values = POINTS * np.array([row[seed] for seed in seeds], float)
        _draw_row(axis, row, values, names.index(row["contrast"]), alpha)
    _set_limits(axis, rows, seeds)


def _draw_row(
    axis: Axes, row: Mapping[str, Any], seeds: np.ndarray, height: int, alpha: float
) -> None:
    shown, estimate = style.look(sides(row["contrast"])[1]), POINTS * row["estimate"]
    if np.isfinite(row["delta"]):
        margin = POINTS * row["delta"]
        axis.barh(height, 2 * margin, left=-margin, height=1.0, color="0.9", zorder=0)
    if not np.isfinite(estimate):
        why = "NA" if np.isnan(estimate) else "diverged"
        axis.annotate(why, (0.5, height), xycoords=("axes fraction", "data"), ha="center",
                      va="center", color=style.GREY)  # fmt: skip
        return
    seeds = seeds[np.isfinite(seeds)]
    axis.plot(seeds, np.full(len(seeds), height + 0.26), linestyle="none", marker=".",
              color=shown.colour, markersize=3)  # fmt: skip
    if np.isfinite(row["low"]):
        axis.hlines(height, POINTS * row["low"], POINTS * row["high"], color=shown.colour)
    axis.plot(estimate, height, marker=shown.marker or "o", color=shown.colour, markersize=5)
    if row["p_holm"] < alpha:
        axis.annotate("*", (estimate, height), xytext=(0, 0), textcoords="offset points",
                      ha="center", va="bottom", weight="bold")  # fmt: skip


def _set_limits(axis: Axes, rows: pd.DataFrame, seeds: list[str]) -> None:
    """Frame the seeds, zero and the margin; an interval of few seeds may be longer and is cut."""
    parts = [rows["estimate"], -rows["delta"], rows["delta"], *(rows[seed] for seed in seeds)]
    values = POINTS * np.concatenate([part.to_numpy(float) for part in parts])
    known = [0.0, *values[np.isfinite(values)]]
    pad = 0.2 * max(max(known) - min(known), 0.1)
    axis.set_xlim(min(known) - pad, max(known) + pad)


def _explain(figure: Figure, plotted: pd.DataFrame, inputs: Inputs, verdict: str) -> None:
    """The verdict over the legend."""
    black = {"color": style.BLACK, "linestyle": "none"}
    first = label(sides(plotted["contrast"].iloc[0])[0])
    handles = [
        Line2D([], [], marker="o", color=style.BLACK, markersize=4,
               label=f"mean, {inputs.confidence:.0%} interval"),
        Line2D([], [], marker=".", markersize=3, label="one seed", **black),
        Line2D([], [], marker="$*$", label=f"p (Holm) < {inputs.alpha:g}", **black),
        Line2D([], [], linestyle="none", label=f"below 0: {first} is better"),
    ]  # fmt: skip
    if np.isfinite(plotted["delta"]).any():
        handles.append(Patch(color="0.9", label="± δ of the placebo"))
    figure.legend(
        handles=handles, loc="outside upper center", ncols=3, title=verdict, alignment="left",
        handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip
