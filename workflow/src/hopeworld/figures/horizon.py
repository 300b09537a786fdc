"""Free rollouts: the loss one to seven steps ahead, phase by phase, beside persistence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PERSISTENCE, PHASES, drawn, in_order, label
from hopeworld.figures import curves, style

HEIGHT_IN = 2.9
HORIZONS = range(1, 8)


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: method, phase, horizon, mean, low, high, seeds."""
    metrics = files.read_json(inputs.metrics)
    names = [*drawn(metrics, figures.methods), PERSISTENCE]
    plotted = horizon_curves(metrics, names, "rollout_loss")
    phases = list(plotted["phase"].unique())
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    axes = figure.subplots(1, len(phases), sharex=True, sharey=True, squeeze=False)[0]
    for axis, phase in zip(axes, phases, strict=True):
        of_phase = plotted[plotted["phase"] == phase].assign(k=lambda t: t["horizon"])
        for name in in_order(of_phase["method"].unique()):
            style.plot_curve(axis, of_phase[of_phase["method"] == name], name, label(name))
        axis.set(title=PHASES[phase], xticks=list(HORIZONS), xlabel="horizon $H$ (steps)")
    axes[0].set_ylabel("rollout loss on object patches\n(L1, LayerNorm space)")
    handles, texts = axes[0].get_legend_handles_labels()
    legend = figure.legend(handles, texts, loc="outside upper center", ncols=3)
    legend.set_title(curves.band_note(plotted["seeds"].max()))
    return figure, plotted


def horizon_curves(metrics: Mapping[str, Any], names: list[str], metric: str) -> pd.DataFrame:
    """Mean and range over seeds of `<metric>_<phase>_<H>`, for the phases that have it.

    Columns method, phase, horizon, mean, low, high, seeds; no rows where no run has it.
    """
    known = {key for run in metrics["runs"].values() for key in run}
    phases = [phase for phase in PHASES if f"{metric}_{phase}_1" in known]
    columns = {f"{metric}_{phase}_{h}": (phase, h) for phase in phases for h in HORIZONS}
    seeds = curves.per_seed(metrics, names, list(columns))
    long = seeds.melt(["method", "seed"], var_name="metric", value_name="value")
    long["phase"] = [columns[name][0] for name in long["metric"]]
    long["k"] = [columns[name][1] for name in long["metric"]]
    curve = curves.over_seeds(long, "value")
    curve = curve[curve["seeds"] > 0].rename(columns={"k": "horizon"})
    rank = {phase: index for index, phase in enumerate(PHASES)}
    curve = curve.sort_values(
        ["phase", "method", "horizon"], key=lambda c: c.map(rank) if c.name == "phase" else c
    )
    columns = ["method", "phase", "horizon", "mean", "low", "high", "seeds"]
    return curve[columns].reset_index(drop=True)
