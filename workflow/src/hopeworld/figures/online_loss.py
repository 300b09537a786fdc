"""Loss on object patches over the stream, scored before every update."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PERSISTENCE, in_order, label
from hopeworld.figures import curves, style

HEIGHT_IN = 3.4


@dataclass(frozen=True)
class Inputs:
    """What the figure reads, and its smoothing."""

    stream: Path
    metrics: Path
    evaluation: settings.Evaluation


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and the table of its curves: method, k, phase, mean, low, high, seeds."""
    metrics = files.read_json(inputs.metrics)
    rows = curves.read_drawn(inputs.stream, metrics, figures.methods)
    clips = curves.per_clip(rows, "object")
    plotted = _curves(clips, inputs.evaluation.rolling_clips)
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    axis = figure.subplots()
    style.shade_phases(axis, curves.phases_of(clips), named=True)
    for index, name in enumerate(in_order(plotted["method"].unique())):
        curve = plotted[plotted["method"] == name]
        style.plot_curve(axis, curve, name, label(name), offset=2 * index)
    window, seeds = inputs.evaluation.rolling_clips, plotted["seeds"].max()
    axis.set_xlabel(f"clip of the stream (mean of {window} clips; {curves.band_note(seeds)})")
    axis.set_ylabel("loss on object patches\n(L1, LayerNorm space)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure, plotted


def _curves(clips: pd.DataFrame, window: int) -> pd.DataFrame:
    one = clips[clips["method"] == clips["method"].iloc[0]]
    copied = one.assign(method=PERSISTENCE, loss=one["persistence"])
    clips = pd.concat([clips, copied], ignore_index=True)
    return curves.over_seeds(curves.smoothed(clips, "loss", window), "loss")
