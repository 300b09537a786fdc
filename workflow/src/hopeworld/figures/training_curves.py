"""Training: loss on validation clips and object skill, with and without the action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from hopeworld import files, settings
from hopeworld.evaluation.labels import PERSISTENCE, in_order, label, own_predictors
from hopeworld.figures import style

HEIGHT_IN = 2.9
LOWEST_SKILL = -0.5
CURVES = [
    ("teacher_forcing", "all"),
    ("persistence", "all"),
    ("skill", "object"),
    ("skill_zero_action", "object"),
]


@dataclass(frozen=True)
class Inputs:
    """What the figure reads, and the skill that a run must reach."""

    history: Path
    metrics: Path
    gate_skill: float


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: model, seed (empty for the mean), name, region, step, value."""
    metrics = files.read_json(inputs.metrics)
    plotted = _curves(pd.read_parquet(inputs.history), metrics["kinds"])
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    loss, skill = figure.subplots(1, 2, sharex=True)
    for model in in_order(plotted["model"].unique()):
        rows = plotted[plotted["model"] == model]
        _plot(loss, rows[rows["name"] == "teacher_forcing"], model, style.SOLID, label(model))
        _plot(skill, rows[rows["name"] == "skill"], model, style.SOLID)
        without = f"{label(model)}, zero action"
        _plot(skill, rows[rows["name"] == "skill_zero_action"], model, style.DASHED, without)
    _describe(loss, skill, plotted, inputs.gate_skill)
    figure.legend(loc="outside upper center", ncols=3)
    return figure, plotted


def _curves(history: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    trained = history.loc[history["step"] > 0, "model"].unique()
    models = own_predictors({name: name for name in trained if name in kinds}, kinds)
    rows = history[(history["split"] == "validation") & history["model"].isin(models)]
    wanted = pd.MultiIndex.from_frame(rows[["name", "region"]]).isin(CURVES)
    rows = rows[wanted].astype({"seed": "Int64"}).drop(columns="split")
    keys = ["model", "name", "region", "step"]
    mean = rows.groupby(keys, as_index=False)["value"].mean().assign(seed=pd.NA)
    table = pd.concat([rows, mean.astype({"seed": "Int64"})], ignore_index=True)
    table = table[["model", "seed", "name", "region", "step", "value"]]
    return table.sort_values(["model", "name", "seed", "step"], ignore_index=True)


def _plot(axis: Axes, rows: pd.DataFrame, model: str, dash: object, text: str = "") -> None:
    shown = style.look(model)
    for _, one in rows[rows["seed"].notna()].groupby("seed"):
        axis.plot(one["step"], one["value"], color=shown.colour, linestyle=dash, linewidth=0.5)
    mean = rows[rows["seed"].isna()]
    solid = dash == style.SOLID
    axis.plot(
        mean["step"], mean["value"], color=shown.colour, linestyle=dash, label=text or None,
        linewidth=1.8 if solid else 1.2, marker=shown.marker if solid else "",
    )  # fmt: skip


def _describe(loss: Axes, skill: Axes, plotted: pd.DataFrame, gate_skill: float) -> None:
    copied = plotted.loc[plotted["name"] == "persistence", "value"].mean()
    grey = style.look(PERSISTENCE)
    loss.axhline(copied, color=grey.colour, linestyle=grey.dash, label=label(PERSISTENCE))
    skill.axhline(0, color=grey.colour, linestyle=grey.dash)
    skill.axhline(gate_skill, color=style.BLACK, linewidth=0.8, label=f"gate: skill {gate_skill:g}")
    _set_limits(loss, skill, plotted, gate_skill)
    loss.set_ylabel("teacher-forcing loss on\nvalidation clips, all patches (L1)")
    skill.set_ylabel("skill over persistence,\nobject patches")
    seeds = plotted["seed"].nunique()
    for axis in (loss, skill):
        axis.set_xlabel("optimiser step" + (f" (thin: {seeds} seeds)" if seeds > 1 else ""))


def _set_limits(loss: Axes, skill: Axes, plotted: pd.DataFrame, gate_skill: float) -> None:
    """The loss from start to end on a logarithmic axis; skills below `LOWEST_SKILL` are off theirs.

    Where no skill is above 0, everything after step 0 is shown.
    """
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    loss.yaxis.set_minor_locator(NullLocator())
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    trained = plotted[plotted["step"] > 0]
    skills = trained.loc[trained["region"] == "object", "value"]
    lowest = max(skills.min(), LOWEST_SKILL) if skills.max() > 0 else skills.min()
    low, high = min(lowest, 0), max(skills.max(), gate_skill)
    pad = 0.06 * (high - low)
    skill.set_ylim(low - pad, high + pad)
