"""What each switch does: skill against the base and gain in B, one row per contestant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hopeworld import files, settings
from hopeworld.evaluation.labels import label
from hopeworld.figures import style

ROW_IN, EXTRA_IN = 0.2, 1.2
PANELS = {
    "skill_difference": "object skill on A\nminus that of the base",
    "gain_B": "gain in B over the frozen\ntwin (L1, object patches)",
}
BASES = {"vit_ac": "vit_tta", "hope": "hope"}


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    ablation: Path
    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: method, model, change, passed, panel, seed (empty: mean), value.

    passed: share of the seeds whose training passed the gate.
    """
    metrics = files.read_json(inputs.metrics)
    table = pd.read_csv(inputs.ablation).fillna({"change": ""})
    plotted = _numbers(table, metrics["seeds"])
    figure = style.new_figure(figures, ROW_IN * len(table) + EXTRA_IN, metrics)
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for axis, (panel, words) in zip(axes, PANELS.items(), strict=True):
        _draw_panel(axis, plotted[plotted["panel"] == panel], table, metrics["kinds"])
        axis.set_xlabel(words)
    axes[0].set_yticks(range(len(table)), [label(name) for name in table["method"]])
    axes[0].set_ylim(len(table) - 0.5, -0.5)
    _explain(figure, metrics, plotted)
    return figure, plotted


def _numbers(table: pd.DataFrame, seeds: list[int]) -> pd.DataFrame:
    parts = []
    for panel in PANELS:
        columns = {f"{panel}_seed{seed}": seed for seed in seeds} | {panel: pd.NA}
        for column, seed in columns.items():
            rows = table[["method", "model", "change", "passed"]].assign(panel=panel)
            parts.append(rows.assign(seed=seed, value=table[column].astype(float)))
    return pd.concat([part.astype({"seed": "Int64"}) for part in parts], ignore_index=True)


def _draw_panel(
    axis: Axes, rows: pd.DataFrame, table: pd.DataFrame, kinds: Mapping[str, str]
) -> None:
    axis.axvline(0, color=style.GREY, linewidth=0.6)
    base = rows[rows["seed"].isna()].iloc[0]["value"]
    if rows["panel"].iloc[0] == "gain_B" and np.isfinite(base):
        axis.axvline(base, color=style.GREY, linewidth=0.8, linestyle=style.DASHED)
    for height, one in enumerate(table.to_dict("records")):
        own = rows[rows["method"] == one["method"]]
        seeds, mean = own[own["seed"].notna()]["value"], own[own["seed"].isna()]["value"].iloc[0]
        look = _look(one, kinds)
        face = look.colour if one["passed"] == 1 else "white"
        if seeds.notna().any():
            axis.hlines(height, seeds.min(), seeds.max(), color=look.colour, linewidth=0.8)
        if not np.isfinite(mean):
            axis.text(0.02, height, "NA", transform=axis.get_yaxis_transform(), va="center")
        axis.plot(seeds, [height] * len(seeds), "o", color=look.colour, markersize=2.2)
        axis.plot(
            mean, height, look.marker, color=look.colour, markerfacecolor=face, markersize=5,
            zorder=3,
        )  # fmt: skip
    axis.grid(axis="y", color="0.92", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)


def _look(row: Mapping[str, Any], kinds: Mapping[str, str]) -> style.Look:
    """That of the method which learns with the base predictor."""
    return style.look(BASES.get(kinds[row["model"]], row["method"]))


def _explain(figure: Figure, metrics: Mapping[str, Any], plotted: pd.DataFrame) -> None:
    first, nothing = plotted.iloc[0], {"linestyle": "none"}
    look = _look(first, metrics["kinds"])
    marks = {"color": look.colour, "marker": look.marker, "markersize": 5, **nothing}
    handles = [Line2D([], [], label="mean over seeds", **marks)]
    if (plotted["passed"] < 1).any():
        hollow = marks | {"markerfacecolor": "white"}
        handles.append(Line2D([], [], label="a training failed the gate", **hollow))
    handles += [
        Line2D([], [], color=look.colour, marker="o", markersize=2.2, label="one seed", **nothing),
        Line2D(
            [],
            [],
            color=style.GREY,
            linestyle=style.DASHED,
            label=f"gain of {label(first['method'])}",
        ),
    ]
    narrow = {"columnspacing": 1.2, "handlelength": 1.8}
    figure.legend(handles=handles, loc="outside upper center", ncols=4, **narrow)
