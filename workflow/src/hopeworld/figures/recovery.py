"""Coming back to A: the first clips of A2, how far a method lies above its frozen twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PHASES, label
from hopeworld.figures import curves, style

HEIGHT_IN = 3.2
FIRST_CLIPS = 50


@dataclass(frozen=True)
class Inputs:
    """What the figure reads, the margin and the window of the metrics."""

    stream: Path
    metrics: Path
    evaluation: settings.Evaluation


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: method, clip (of A2, from 1), mean, low, high, seeds, margin."""
    metrics = files.read_json(inputs.metrics)
    rows = curves.read_drawn(inputs.stream, metrics, figures.methods)
    names = curves.adapting(metrics, figures.methods)
    plotted = _curves(rows[rows["method"].isin(names)], inputs.evaluation)
    figure = style.new_figure(figures, HEIGHT_IN + 0.15 * len(names), metrics)
    axis = figure.subplots()
    _draw_margin(axis, plotted, inputs.evaluation)
    for index, name in enumerate(names):
        curve = plotted[plotted["method"] == name].assign(phase="A2", k=lambda t: t["clip"])
        text = f"{label(name)} ({recovery_text(metrics['methods'][name]['recovery'])})"
        style.plot_curve(axis, curve, name, text, offset=index)
    note = curves.band_note(plotted["seeds"].max())
    axis.set_xlabel(f"clip of {PHASES['A2']} ({note})")
    axis.set_ylabel("loss above the frozen twin's,\n$L - L^0$ (L1 on object patches)")
    figure.legend(loc="outside upper center", ncols=1)
    return figure, plotted


def _curves(stream: pd.DataFrame, evaluation: settings.Evaluation) -> pd.DataFrame:
    clips = curves.per_clip(stream, "object")
    clips = clips[clips["phase"] == "A2"]
    margin = evaluation.recovery_margin * clips["persistence"].mean()
    curve = curves.over_seeds(clips.assign(excess=-clips["gain"]), "excess")
    curve = curve.assign(clip=curve["k"] - curve["k"].min() + 1, margin=margin)
    columns = ["method", "clip", "mean", "low", "high", "seeds", "margin"]
    return curve.loc[curve["clip"] <= FIRST_CLIPS, columns].reset_index(drop=True)


def _draw_margin(axis: Axes, plotted: pd.DataFrame, evaluation: settings.Evaluation) -> None:
    margin, last = plotted["margin"].iloc[0], plotted["clip"].max()
    axis.axhline(0, color=style.GREY, linewidth=0.6)
    axis.axhspan(
        -margin, margin, color="0.88", linewidth=0, zorder=0,
        label=f"± δ: {evaluation.recovery_margin:.0%} of persistence; below δ is recovered",
    )  # fmt: skip
    window = min(evaluation.recovery_clips, last)
    axis.axvline(
        window + 0.5, color=style.BLACK, linewidth=0.6, linestyle=style.DOTTED,
        label=f"stream forgetting is the mean of the first {window} clips",
    )  # fmt: skip
    axis.set_xlim(0.5, last + 0.5)


def recovery_text(entry: Mapping[str, Any]) -> str:
    """The clips to recovery over seeds in words; NA says so, runs that never did count apart."""
    never = f", {entry['censored']} runs not within A₂" if entry["censored"] else ""
    if entry["mean"] is None:
        return f"recovery NA{never}"
    return f"recovered after {entry['mean']:.1f} clips, n = {entry['n']}{never}"
