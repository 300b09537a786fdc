"""Gain over the frozen twin on the same clip, over the stream, with the half-life in B.

Where a placebo ran, a stream whose second phase is of A as well, its gain lies below in grey: what
a method gains without any change of physics.
"""

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
    """The figure and its numbers: panel, method, k, phase, mean, low, high, seeds, half_life.

    Panels are gain, cumulative and, where a placebo ran, placebo; its k are those of the main
    stream that it is drawn at.
    """
    metrics = files.read_json(inputs.metrics)
    clips = curves.per_clip(curves.read_drawn(inputs.stream, metrics, figures.methods), "object")
    names, phases = curves.adapting(metrics, figures.methods), curves.phases_of(clips)
    window = inputs.evaluation.rolling_clips
    placebo = _placebo(inputs, metrics, names, phases)
    parts = [_curves(clips[clips["method"].isin(names)], window), placebo]
    plotted = pd.concat([part for part in parts if len(part)], ignore_index=True)
    plotted["half_life"] = [metrics["methods"][m]["half_life"]["mean"] for m in plotted["method"]]
    figure = style.new_figure(figures, HEIGHT_IN + 0.15 * len(names), metrics)
    axes = figure.subplots(2, sharex=True)
    for index, name in enumerate(names):
        _plot(axes, plotted[plotted["method"] == name], metrics["methods"][name], 3 * index)
        _mark_half_life(axes[0], plotted[plotted["method"] == name], phases)
    _describe(axes, phases, inputs.evaluation, plotted["seeds"].max())
    _explain(figure, axes[0], has_placebo=len(placebo) > 0)
    return figure, plotted


def _curves(clips: pd.DataFrame, window: int) -> pd.DataFrame:
    gain = curves.over_seeds(curves.smoothed(clips, "gain", window), "gain")
    clips = clips.sort_values(["method", "seed", "k"])
    total = clips.groupby(["method", "seed"], sort=False)["gain"].cumsum()
    cumulative = curves.over_seeds(clips.assign(gain=total), "gain")
    parts = [gain.assign(panel="gain"), cumulative.assign(panel="cumulative")]
    table = pd.concat(parts, ignore_index=True)
    return table[["panel", *gain.columns]]


def _placebo(
    inputs: Inputs, metrics: Mapping[str, Any], names: list[str], phases: list[str]
) -> pd.DataFrame:
    """The gains of the placebo; each phase starts where that of the main stream does."""
    rows = curves.read_drawn(inputs.stream, metrics, names, curves.PLACEBO)
    clips = curves.per_clip(rows[rows["method"].isin(names)], "object")
    if clips.empty:
        return clips
    curve = curves.over_seeds(
        curves.smoothed(clips, "gain", inputs.evaluation.rolling_clips), "gain"
    )
    own, main = curves.phases_of(clips), np.array(phases)
    shift = curve["phase"].map(lambda phase: phases.index(phase) - own.index(phase))
    curve = curve.assign(k=curve["k"] + shift, panel="placebo")
    return curve[(curve["k"] < len(main)) & (main[curve["k"] % len(main)] == curve["phase"])]


def _plot(axes: np.ndarray, curve: pd.DataFrame, entry: Mapping[str, Any], offset: int) -> None:
    name = curve["method"].iloc[0]
    text = f"{label(name)} ({half_life_text(entry['half_life'])}{_net_text(entry)})"
    gain, total = (curve[curve["panel"] == panel] for panel in ("gain", "cumulative"))
    style.plot_curve(axes[0], gain, name, text, offset)
    style.plot_curve(axes[1], total.assign(phase="all"), name, text, offset)
    for _, part in curve[curve["panel"] == "placebo"].groupby("phase", sort=False):
        axes[0].plot(
            part["k"], part["mean"], color=style.GREY, linewidth=0.8, alpha=0.8, zorder=2,
            marker=style.look(name).marker, markersize=2.5,
            markevery=(offset % len(part), max(1, len(gain) // 9)),
        )  # fmt: skip


def half_life_text(entry: Mapping[str, Any]) -> str:
    """The half-life over seeds in words; NA says so, censored runs are counted apart."""
    longer = f", {entry['censored']} runs longer than B" if entry["censored"] else ""
    if entry["mean"] is None:
        return f"half-life NA{longer}"
    return f"half-life {entry['mean']:.1f} clips, n = {entry['n']}{longer}"


def _net_text(entry: Mapping[str, Any]) -> str:
    net = entry.get("net_gain", {}).get("mean")
    return "" if net is None else f"; net of placebo {net:+.4f}"


def _mark_half_life(axis: Axes, curve: pd.DataFrame, phases: list[str]) -> None:
    clips, curve = curve["half_life"].iloc[0], curve[curve["panel"] == "gain"]
    if clips is None or np.isnan(clips):
        return
    # The first clip of B has exposure 1.
    k, colour = phases.index("B") - 1 + clips, style.look(curve["method"].iloc[0]).colour
    height = np.interp(k, curve["k"], curve["mean"])
    axis.vlines(k, 0, height, color=colour, linewidth=0.8)
    axis.plot(k, height, marker="o", markersize=6, color="white", zorder=3,
              markeredgecolor=colour, markeredgewidth=1.4)  # fmt: skip


def _describe(
    axes: np.ndarray, phases: list[str], evaluation: settings.Evaluation, seeds: int
) -> None:
    for axis in axes:
        style.shade_phases(axis, phases, named=axis is axes[0])
        axis.axhline(0, color=style.GREY, linewidth=0.6)
    axes[0].set_ylabel("paired gain $g_k$\n(L1 per clip)")
    axes[1].set_ylabel("sum of the gain\n(L1 × clips)")
    note = f"$g_k$: mean of {evaluation.rolling_clips} clips; ○: half-life"
    axes[1].set_xlabel(f"clip of the stream ({note}; {curves.band_note(seeds)})")


def _explain(figure: Figure, axis: Axes, has_placebo: bool) -> None:
    handles, _ = axis.get_legend_handles_labels()
    if has_placebo:
        text = "same marker in grey: the method in the placebo, all phases of A"
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, label=text))
    figure.legend(handles=handles, loc="outside upper center", ncols=1)
