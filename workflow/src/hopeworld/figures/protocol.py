"""The protocol: the streams, their probes, the order of the loop, what each method changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PHASES, drawn, label, stream_label
from hopeworld.figures import curves, style

LOOP_IN, ROW_IN, LANE_IN, MAIN_IN, FRAME_IN = 0.5, 0.19, 0.36, 0.7, 0.8
FILLS = {"A": "#DCEBF5", "B": "#F7DFC5"}
SEVERITY_FILL = "#FBF0E2"
LOOP = ("predict $\\hat z_{t+1}$", "observe $z_{t+1}$", "score", "update")
COLUMNS = {"gradient steps": 1.95, "memory": 2.95, "reset": 4.05}
TABLE_WIDTH = 4.8
ADAPTED = {
    "layer_norm": "LayerNorm γ, β",
    "action_encoder": "action encoder",
    "force_scale": "force scale",
    "all": "all parameters",
}
RESETS = {
    "never": "never",
    "per_clip": "every clip",
    "on_recovery": "on recovery",
    "at_change": "at the change",
}
NOTHING = "–"


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
    metrics = files.read_json(inputs.metrics)
    phases, probes = _phases(inputs), _probes(inputs.probes)
    changes = _changes(inputs.adaptation, metrics["kinds"], drawn(metrics, figures.methods))
    others = phases["stream"].nunique() - 1
    heights = [MAIN_IN + LANE_IN * others, LOOP_IN, ROW_IN * (len(changes) + 1)]
    figure = style.new_figure(figures, sum(heights) + FRAME_IN, metrics)
    streams, loop, table = figure.subplots(3, height_ratios=heights)
    _draw_streams(streams, phases, probes, inputs.probe)
    _draw_loop(loop)
    _draw_changes(table, changes)
    # Texts within the axes ask for no room beside them.
    for text in (text for axis in (streams, loop, table) for text in axis.texts):
        text.set_in_layout(False)
    return figure, pd.concat([phases, probes, changes], ignore_index=True)


def _phases(inputs: Inputs) -> pd.DataFrame:
    """One row per phase of every stream that ran: where it starts, its clips, its real domain."""
    clips = pd.read_parquet(inputs.stream, columns=["stream", "k", "phase"]).drop_duplicates()
    table = clips.groupby(["stream", "phase"], sort=False)["k"].agg(["min", "count"]).reset_index()
    table.columns = ["stream", "name", "k", "clips"]
    table = table.sort_values("k", kind="stable")
    plans, order = inputs.adaptation.streams, list(settings.PHASES)
    pairs = list(zip(table["stream"], table["name"], strict=True))
    table["domain"] = [plans[s].domains[order.index(phase)] for s, phase in pairs]
    domains = [inputs.simulation.domain(name) for name in table["domain"]]
    table["friction_scale"] = [domain.friction_scale for domain in domains]
    table["mass_scale"] = [domain.mass_scale for domain in domains]
    rank = table["stream"].map(lambda name: (name != curves.MAIN, name))
    table = table.loc[rank.sort_values(kind="stable").index]
    return table.assign(item="phase")[["item", *table.columns]].reset_index(drop=True)


def _probes(path: Path) -> pd.DataFrame:
    points = pd.read_parquet(path, columns=["stream", "k"]).drop_duplicates()
    return points.sort_values(["stream", "k"]).assign(item="probe")[["item", "stream", "k"]]


def _changes(
    adaptation: settings.Adaptation, kinds: Mapping[str, str], names: Sequence[str]
) -> pd.DataFrame:
    known = [name for name in names if name in adaptation.methods]
    rows = [(name, *_change(adaptation, name, kinds)) for name in known]
    return pd.DataFrame(rows, columns=["name", *COLUMNS]).assign(item="method")


def _change(
    adaptation: settings.Adaptation, name: str, kinds: Mapping[str, str]
) -> tuple[str, str, str]:
    """What a method changes online, by gradient and in its memory, and when that is dropped."""
    method = adaptation.methods[name]
    steps, writes = method.adapt != "none", kinds[method.model] == "hope"
    memory = "writes, look-back" if method.look_back_rate > 0 else "writes"
    resets = RESETS | {"every": f"every {adaptation.reset_every} clips"}
    return (
        ADAPTED[method.adapt] if steps else NOTHING,
        memory if writes else NOTHING,
        resets[method.reset] if steps or writes else NOTHING,
    )


def _draw_streams(
    axis: Axes, phases: pd.DataFrame, probes: pd.DataFrame, probe: settings.SplitSize
) -> None:
    names = list(dict.fromkeys(phases["stream"]))
    heights = [MAIN_IN, *[LANE_IN] * (len(names) - 1)]
    for index, name in enumerate(names):
        top = -sum(heights[:index])
        for row in phases[phases["stream"] == name].itertuples():
            _draw_phase(axis, row, top, heights[index])
        points = probes.loc[probes["stream"] == name, "k"]
        if len(points):
            foot = np.full(len(points), top - heights[index] + 0.055)
            axis.plot(points, foot, "^", color=style.BLACK, clip_on=False, markersize=2.8)
    end = int((phases["k"] + phases["clips"]).max())
    axis.set(xlim=(0, end), ylim=(-sum(heights), 0))
    middles = [-sum(heights[:i]) - h / 2 + 0.05 for i, h in enumerate(heights)]
    axis.set_yticks(middles, [_stream_text(name) for name in names])
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel(
        f"clips seen; ▲ probe: {probe.a} held-out clips of A and {probe.b} of B, "
        "then the state is restored"
    )


def _stream_text(name: str) -> str:
    return name if stream_label(name) == name.replace("_", " ") else f"{name}\n{stream_label(name)}"


def _draw_phase(axis: Axes, row: Any, top: float, height: float) -> None:
    """A bar with what the phase is; the factors only where there is room: in the main stream."""
    body, is_main = height - 0.13, row.stream == curves.MAIN
    fill = FILLS.get(row.domain, SEVERITY_FILL)
    axis.barh(top - body / 2, row.clips, left=row.k, height=body, color=fill, edgecolor="black",
              linewidth=0.6, clip_on=False)  # fmt: skip
    domain = PHASES[row.name] if row.name[0] == row.domain else row.domain
    text = f"{domain}: {row.clips} clips"
    if is_main:
        text += f"\nfriction × {row.friction_scale:g}\nmass × {row.mass_scale:g}"
    axis.text(row.k + row.clips / 2, top - body / 2, text, ha="center", va="center",
              linespacing=1.3)  # fmt: skip


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
    axis.set(xlim=(0, TABLE_WIDTH), ylim=(-0.5, count + 0.5))
    axis.axis("off")
    axis.axhline(count - 0.5, color="black", linewidth=0.6)
    for head, left in COLUMNS.items():
        axis.text(left, count, head, va="center", weight="bold")
    axis.text(0.0, count, "changed online", va="center", weight="bold")
    for index, row in enumerate(changes.to_dict("records")):
        height = count - 1 - index
        shown = style.look(row["name"])
        axis.plot([0.03, 0.2], [height, height], color=shown.colour, linestyle=shown.dash)
        axis.plot(0.115, height, marker=shown.marker, color=shown.colour)
        axis.text(0.27, height, label(row["name"]), va="center")
        for head, left in COLUMNS.items():
            axis.text(left, height, row[head], va="center")
