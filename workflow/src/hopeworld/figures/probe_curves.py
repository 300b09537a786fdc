"""Loss on held-out clips of A and of B, whatever the stream shows: what is kept, what is learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PERSISTENCE, in_order, label
from hopeworld.figures import curves, style

HEIGHT_IN = 4.2
DOMAINS = ("A", "B")


@dataclass(frozen=True)
class Inputs:
    """What the figure reads."""

    probes: Path
    metrics: Path


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: domain, method, k (clips seen), phase, mean, low, high, seeds."""
    metrics = files.read_json(inputs.metrics)
    rows = curves.read_drawn(inputs.probes, metrics, figures.methods)
    plotted = _curves(rows[rows["region"] == "object"])
    figure = style.new_figure(figures, HEIGHT_IN, metrics)
    axes = figure.subplots(2, sharex=True)
    for axis, domain in zip(axes, DOMAINS, strict=True):
        of_domain = plotted[plotted["domain"] == domain]
        style.shade_spans(axis, _spans(plotted), named=axis is axes[0])
        for name in in_order(of_domain["method"].unique()):
            _plot(axis, of_domain[of_domain["method"] == name], name)
        axis.set_ylabel(f"$R_{{c,{domain}}}$: object loss on\nheld-out clips of {domain} (L1)")
    note = curves.band_note(plotted["seeds"].max())
    axes[1].set_xlabel(f"clips of the stream seen before the probe, $c$ ({note})")
    handles, texts = axes[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=3)
    return figure, plotted


def _curves(probes: pd.DataFrame) -> pd.DataFrame:
    """Mean over orders, then over seeds; a loss that diverged leaves a hole."""
    rows = probes.assign(loss=probes["loss"].where(np.isfinite(probes["loss"]), np.inf))
    one = rows[rows["method"] == rows["method"].iloc[0]]
    rows = pd.concat([rows, one.assign(method=PERSISTENCE, loss=one["persistence"])])
    keys = ["domain", "method", "seed", "k", "phase"]
    seeds = rows.groupby(keys, sort=False, as_index=False)["loss"].mean()
    parts = [
        curves.over_seeds(seeds[seeds["domain"] == domain], "loss").assign(domain=domain)
        for domain in DOMAINS
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["domain", *table.columns.drop("domain")]]


def _spans(plotted: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Where the phases lie: the end of each is a probe point."""
    ends = plotted.groupby("phase")["k"].max().sort_values().drop("start", errors="ignore")
    starts = [0, *ends.iloc[:-1]]
    return {phase: (start, end) for (phase, end), start in zip(ends.items(), starts, strict=True)}


def _plot(axis: Axes, curve: pd.DataFrame, name: str) -> None:
    shown = style.look(name)
    axis.fill_between(
        curve["k"], curve["low"], curve["high"], color=shown.colour, alpha=0.18, linewidth=0
    )
    axis.plot(
        curve["k"], curve["mean"], color=shown.colour, linestyle=shown.dash, marker=shown.marker,
        label=label(name), clip_on=False, zorder=3 if shown.dash == style.SOLID else 4,
    )  # fmt: skip
