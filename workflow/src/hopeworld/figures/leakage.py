"""What each mode of the encoder tells of the future: linear probes of the latents before the push.

Marks are joined where the clips are the same: late latents rest in some clips only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.figures import style
from hopeworld.figures.leakage_claim import DISPLACEMENT, DOMAIN, START

HEIGHT_IN = 2.9
PANELS = {
    DISPLACEMENT: "displacement to come\n($R^2$, held-out clips)",
    DOMAIN: "domain A or B\n(share right, held-out clips)",
}
LOOKS = {
    "clip": style.Look(style.WINE, "^", style.SOLID),
    "prefix": style.Look(style.TEAL, "s", style.DASHED),
    "tubelet": style.Look(style.INDIGO, "o", style.SOLID),
    START: style.Look(style.GREY, "x", style.DOTTED),
}
LABELS = {
    "clip": "clip: all frames in one pass",
    "prefix": "prefix: frames so far",
    "tubelet": "tubelet: two frames alone",
    START: "first position alone",
}
APART = 0.07
"""Steps between the marks of two modes."""


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    leakage: Path
    metrics: Path
    confidence: float


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: those of tables/leakage.csv, and study_mode.

    study_mode: the mode of the encoder in this study.
    """
    metrics = files.read_json(inputs.metrics)
    plotted = pd.read_csv(inputs.leakage).assign(study_mode=metrics["encoder"]["mode"])
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    axes = figure.subplots(1, len(PANELS), sharex=True)
    for axis, (target, text) in zip(axes, PANELS.items(), strict=True):
        _plot(axis, plotted[plotted["target"] == target])
        axis.set_ylabel(text)
        axis.set_xlabel("latents $z_1 \\ldots z_t$ seen (clips)")
    handles, texts = axes[0].get_legend_handles_labels()
    legend = figure.legend(handles, texts, loc="outside upper center", ncols=2)
    legend.set_title(f"bars and bands: {100 * inputs.confidence:g} % intervals over episodes")
    return figure, plotted


def _plot(axis: Axes, rows: pd.DataFrame) -> None:
    axis.axhline(rows["chance"].iloc[0], color="black", linestyle=style.DASHED, linewidth=0.8)
    names = [name for name in LOOKS if name in set(rows["mode"])]
    for place, name in enumerate(names):
        curve = rows[rows["mode"] == name].sort_values("t")
        _plot_mode(axis, curve, name, APART * (place - (len(names) - 1) / 2))
    clips = rows.groupby("t")["clips"].first()
    axis.set_xticks(list(clips.index), [f"{t}\n({count})" for t, count in clips.items()])
    axis.margins(x=0.1)


def _plot_mode(axis: Axes, curve: pd.DataFrame, name: str, aside: float) -> None:
    shown, text = LOOKS[name], LABELS[name]
    line = {"color": shown.colour, "linestyle": shown.dash, "marker": shown.marker}
    for _, part in curve.groupby("clips", sort=False):
        t, low, high = part["t"] + aside, part["low"], part["high"]
        axis.fill_between(t, low, high, color=shown.colour, alpha=0.15, linewidth=0)
        axis.vlines(t, low, high, color=shown.colour, linewidth=0.8)
        axis.plot(t, part["value"], label=text, **line)
        text = None
