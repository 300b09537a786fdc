"""The protocol: the stream A-B-A, its probes, the order of the loop, what each method changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PHASES, drawn, in_order, label
from hopeworld.figures import style

HEIGHT_IN, ROW_IN = 2.8, 0.28
FILLS = {"A1": "#DCEBF5", "B": "#F7DFC5", "A2": "#DCEBF5"}
LOOP = ("predict $\\hat z_{t+1}$", "observe $z_{t+1}$", "score", "update")
COLUMNS = ("LayerNorm γ, β", "memory (writes)", "CMS (look-back)")


@dataclass(frozen=True)
class Inputs:
    """What the figure reads, and the settings that it states."""

    stream: Path
    probes: Path
    metrics: Path
    simulation: settings.Simulation
    adaptation: settings.Adaptation
    probe: settings.SplitSize


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: phases with clips and factors, probe points, what changes."""
    phases = _phases(pd.read_parquet(inputs.stream, columns=["method", "k", "phase"]), inputs)
    points = sorted(pd.read_parquet(inputs.probes, columns=["k"])["k"].unique())
    metrics = files.read_json(inputs.metrics)
    changes = _changes(inputs.adaptation.methods, metrics["kinds"])
    rows = ROW_IN * (len(changes) + 1)
    figure = style.new_figure(figures, HEIGHT_IN + rows, metrics)
    stream, loop, table = figure.subplots(3, height_ratios=[1.3, 0.6, rows])
    _draw_stream(stream, phases, points, inputs.probe)
    _draw_loop(loop)
    _draw_changes(table, changes)
    probes = pd.DataFrame({"item": "probe", "k": points})
    return figure, pd.concat([phases, probes, changes], ignore_index=True)


def _phases(stream: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    clips = stream[stream["method"] == stream["method"].iloc[0]].drop_duplicates("k")
    table = clips.groupby("phase", sort=False)["k"].agg(["min", "count"]).reset_index()
    table.columns = ["name", "k", "clips"]
    domains = {"A": inputs.simulation.domain_a, "B": inputs.simulation.domain_b}
    table["friction_scale"] = [domains[name[0]].friction_scale for name in table["name"]]
    table["mass_scale"] = [domains[name[0]].mass_scale for name in table["name"]]
    return table.assign(item="phase")[["item", *table.columns]]


def _changes(methods: Mapping[str, settings.Method], kinds: Mapping[str, str]) -> pd.DataFrame:
    shown = in_order(drawn({name: method.model for name, method in methods.items()}, kinds))
    rows = [(name, *_change(methods[name], kinds[methods[name].model])) for name in shown]
    return pd.DataFrame(rows, columns=["name", *COLUMNS]).assign(item="method")


def _change(method: settings.Method, kind: str) -> tuple[str, str, str]:
    """What a method changes in the stream: LayerNorm, memory, CMS deltas; a dash is nothing."""
    tuned = method.adapt == "layer_norm" and method.learning_rate > 0
    norm = f"Adam, rate {method.learning_rate:g}" if tuned else "–"
    if kind == "vit_ac":
        return norm, "–", "–"
    memory = "carried" if method.scope == "carry" else "reset at every clip"
    return norm, memory, memory if method.look_back_rate else "–"


def _draw_stream(
    axis: Axes, phases: pd.DataFrame, points: list[int], probe: settings.SplitSize
) -> None:
    for row in phases.itertuples():
        axis.barh(0.0, row.clips, left=row.k, height=1.0, color=FILLS[row.name], edgecolor="black",
                  linewidth=0.6, clip_on=False)  # fmt: skip
        axis.text(
            row.k + row.clips / 2, 0.0,
            f"{PHASES[row.name]}: {row.clips} clips\nfriction × {row.friction_scale:g}\n"
            f"mass × {row.mass_scale:g}",
            ha="center", va="center", linespacing=1.3,
        )  # fmt: skip
    end = int(phases["k"].iloc[-1] + phases["clips"].iloc[-1])
    axis.plot(points, np.full(len(points), -0.78), "^", color=style.BLACK, clip_on=False)
    axis.set(xlim=(0, end), ylim=(-1.0, 0.55), yticks=[])
    axis.spines["left"].set_visible(False)
    axis.set_xlabel(
        f"clips seen; ▲ probe: {probe.a} held-out clips of A and {probe.b} of B, "
        "then the state is restored"
    )


def _draw_loop(axis: Axes) -> None:
    axis.set(xlim=(0, 4), ylim=(0, 1))
    axis.axis("off")
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "black"}
    arrow = {"arrowstyle": "->", "linewidth": 0.8}
    for index, word in enumerate(LOOP):
        axis.text(index + 0.5, 0.62, word, ha="center", va="center", bbox=box | {"linewidth": 0.6})
        if index:
            axis.annotate("", (index + 0.16, 0.62), (index - 0.16, 0.62), arrowprops=arrow)
    axis.text(
        2.0, 0.0, "for every transition of a clip; a loss is always scored before the update",
        ha="center", va="bottom",
    )  # fmt: skip


def _draw_changes(axis: Axes, changes: pd.DataFrame) -> None:
    count = len(changes)
    axis.set(xlim=(0, 4), ylim=(-0.5, count + 0.5))
    axis.axis("off")
    axis.axhline(count - 0.5, color="black", linewidth=0.6)
    for column, head in enumerate(COLUMNS):
        axis.text(column + 1.25, count, head, va="center", weight="bold")
    axis.text(0.0, count, "changed online", va="center", weight="bold")
    for index, row in enumerate(changes.to_dict("records")):
        height = count - 1 - index
        shown = style.look(row["name"])
        axis.plot([0.03, 0.2], [height, height], color=shown.colour, linestyle=shown.dash)
        axis.plot(0.115, height, marker=shown.marker, color=shown.colour)
        axis.text(0.27, height, label(row["name"]), va="center")
        for column, head in enumerate(COLUMNS):
            axis.text(column + 1.25, height, row[head], va="center")
