"""Gain over the frozen twin on the same clip, over the stream, with the half-life in B."""

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
from hopeworld.evaluation.labels import in_order, label
from hopeworld.figures import curves, style

HEIGHT_IN = 4.0


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
    """The figure and its numbers: panel, method, k, phase, mean, low, high, seeds, half_life."""
    metrics = files.read_json(inputs.metrics)
    clips = curves.per_clip(curves.read_drawn(inputs.stream, metrics), "object")
    adapting = [n for n in in_order(clips["method"].unique()) if metrics["twins"][n] != n]
    plotted = _curves(clips[clips["method"].isin(adapting)], inputs.evaluation.rolling_clips)
    plotted["half_life"] = [metrics["methods"][m]["half_life"]["mean"] for m in plotted["method"]]
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    axes = figure.subplots(2, sharex=True)
    phases = curves.phases_of(clips)
    for axis, panel in zip(axes, ("gain", "cumulative"), strict=True):
        style.shade_phases(axis, phases, named=panel == "gain")
        axis.axhline(0, color=style.GREY, linewidth=0.6)
        for index, name in enumerate(adapting):
            curve = plotted[(plotted["panel"] == panel) & (plotted["method"] == name)]
            text = f"{label(name)} ({half_life_text(metrics['methods'][name]['half_life'])})"
            unbroken = curve if panel == "gain" else curve.assign(phase="all")
            style.plot_curve(axis, unbroken, name, text, offset=3 * index)
            if panel == "gain":
                _mark_half_life(axis, curve, name, phases)
    _describe(axes, inputs.evaluation, plotted["seeds"].max())
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=1)
    return figure, plotted


def _curves(clips: pd.DataFrame, window: int) -> pd.DataFrame:
    gain = curves.over_seeds(curves.smoothed(clips, "gain", window), "gain")
    clips = clips.sort_values(["method", "seed", "k"])
    total = clips.groupby(["method", "seed"], sort=False)["gain"].cumsum()
    cumulative = curves.over_seeds(clips.assign(gain=total), "gain")
    parts = [gain.assign(panel="gain"), cumulative.assign(panel="cumulative")]
    table = pd.concat(parts, ignore_index=True)
    return table[["panel", *gain.columns]]


def half_life_text(entry: Mapping[str, Any]) -> str:
    """The half-life over seeds in words; NA says so, censored runs are counted apart."""
    longer = f", {entry['censored']} runs longer than B" if entry["censored"] else ""
    if entry["mean"] is None:
        return f"half-life NA{longer}"
    return f"half-life {entry['mean']:.1f} clips, n = {entry['n']}{longer}"


def _mark_half_life(axis: Axes, curve: pd.DataFrame, name: str, phases: list[str]) -> None:
    clips = curve["half_life"].iloc[0]
    if clips is None or np.isnan(clips):
        return
    # The first clip of B has exposure 1.
    k = phases.index("B") - 1 + clips
    height = np.interp(k, curve["k"], curve["mean"])
    axis.vlines(k, 0, height, color=style.look(name).colour, linewidth=0.8)
    axis.plot(k, height, marker="o", markersize=6, color="white", zorder=3,
              markeredgecolor=style.look(name).colour, markeredgewidth=1.4)  # fmt: skip


def _describe(axes: np.ndarray, evaluation: settings.Evaluation, seeds: int) -> None:
    axes[0].set_ylabel("paired gain $g_k$\n(L1 per clip)")
    axes[1].set_ylabel("sum of the gain\n(L1 × clips)")
    note = f"$g_k$: mean of {evaluation.rolling_clips} clips; ○: half-life"
    axes[1].set_xlabel(f"clip of the stream ({note}; {curves.band_note(seeds)})")
