"""Diagnostics of the memories as curves over the stream, for the figures that draw them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hopeworld.figures import curves, style

COLUMNS = ["method", "memory", "name", "k", "phase", "mean", "low", "high", "seeds"]
MARKERS = ("o", "s", "v", "P", "X", "D")


def memory_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """`COLUMNS`: mean over transitions, layers, heads and orders, mean and range over seeds."""
    keys = ["method", "memory", "name", "seed", "k", "phase"]
    means = rows.groupby(keys, sort=False, as_index=False)["value"].mean()
    parts = [
        curves.over_seeds(part, "value").assign(memory=memory, name=name)
        for (memory, name), part in means.groupby(["memory", "name"])
    ]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def retained(memory: pd.DataFrame) -> pd.DataFrame:
    """The share of its delta that a main memory keeps over a clip, as `retained_share` rows.

    It is the product over the transitions. A clip that starts with an empty memory has no share
    for its first transition, and drops out.
    """
    rows = memory[(memory["name"] == "retained_share") & (memory["memory"] == "memory")]
    keys = ["method", "seed", "order", "k", "phase", "layer", "head", "memory", "name"]
    clips = rows.groupby(keys, sort=False)["value"].agg(["prod", "count"]).reset_index()
    whole = clips[clips["count"] == clips["count"].max()]
    return whole.rename(columns={"prod": "value"}).drop(columns="count")


def levels_of(rows: pd.DataFrame) -> list[str]:
    """The levels of the CMS, by their period."""
    names = {name for name in rows["memory"].unique() if name.startswith("cms_")}
    return sorted(names, key=period)


def period(level: str) -> int:
    """Transitions between two updates of a level."""
    return int(level.removeprefix("cms_"))


def sampled_phases(plotted: pd.DataFrame) -> list[str]:
    """The phase of every clip up to the last with diagnostics; in between, that of the last one."""
    sampled = plotted.drop_duplicates("k").set_index("k")["phase"].sort_index()
    return sampled.reindex(range(sampled.index.max() + 1)).ffill().tolist()


def dead_points(plotted: pd.DataFrame) -> pd.DataFrame:
    """The deltas of levels, where one of their layers is dead: method, memory, k, mean."""
    keys = ["method", "memory", "k"]
    dead = plotted[(plotted["name"] == "dead") & (plotted["mean"] > 0)]
    return plotted.loc[plotted["name"] == "delta", [*keys, "mean"]].merge(dead[keys], on=keys)


def mark_dead(axis: Axes, points: pd.DataFrame) -> None:
    """Cross out `dead_points`."""
    # An empty line that is not clipped would count as a point at the corner of the figure.
    if len(points):
        marks = {"color": style.BLACK, "markersize": 5, "clip_on": False, "zorder": 5}
        axis.plot(points["k"], points["mean"], "x", **marks)


def add_legend(figure: Figure, columns: Sequence[Sequence[Line2D]]) -> None:
    """One legend above all panels; `columns` are its columns, of any length."""
    columns = [column for column in columns if column]
    rows = max(len(column) for column in columns)
    blank = Line2D([], [], linestyle="none", label=" ")
    handles = [h for column in columns for h in [*column, *[blank] * (rows - len(column))]]
    narrow = {"columnspacing": 1.2, "handlelength": 1.8}
    figure.legend(handles=handles, loc="outside upper center", ncols=len(columns), **narrow)
