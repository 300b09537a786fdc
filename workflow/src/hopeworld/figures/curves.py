"""Curves over the clips of a stream: mean over transitions and orders, smoothed, over seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hopeworld.evaluation.labels import drawn

LOSSES = ["loss", "loss_frozen", "persistence"]
MAIN, PLACEBO = "main", "placebo"


def adapting(metrics: Mapping[str, Any], methods: Collection[str]) -> list[str]:
    """The methods of `labels.drawn` that learn online: a frozen method is its own twin."""
    return [name for name in drawn(metrics, methods) if metrics["twins"][name] != name]


def read_drawn(
    path: Path, metrics: Mapping[str, Any], methods: Collection[str], stream: str = MAIN
) -> pd.DataFrame:
    """The rows of a table of runs that are of one stream and of methods that figures draw."""
    table = pd.read_parquet(path)
    chosen = table["stream"] == stream
    return table[chosen & table["method"].isin(drawn(metrics, methods))]


def per_clip(stream: pd.DataFrame, region: str) -> pd.DataFrame:
    """One-step losses per clip: method, seed, k, phase, `LOSSES` and gain = loss_frozen - loss.

    Transitions without patches of the region drop out. A loss that diverged is inf, so that it
    leaves a hole in the curve instead of vanishing from a mean.
    """
    rows = stream[(stream["kind"] == "online") & (stream["region"] == region)]
    rows = rows[np.isfinite(rows["persistence"])]
    rows = rows.assign(**{n: rows[n].where(np.isfinite(rows[n]), np.inf) for n in LOSSES})
    keys = ["method", "seed", "order", "k", "phase"]
    clips = rows.groupby(keys, sort=False, as_index=False)[LOSSES].mean()
    # inf - inf: the run and its twin both diverged, so there is no gain, as in `runs.gains`.
    clips["gain"] = clips["loss_frozen"].sub(clips["loss"]).fillna(0.0)
    keys.remove("order")
    return clips.groupby(keys, sort=False, as_index=False)[[*LOSSES, "gain"]].mean()


def per_seed(
    metrics: Mapping[str, Any], methods: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """Metrics of every seed, the mean over its orders: method, seed and `names`; NaN is NA."""
    runs = pd.DataFrame([run for run in metrics["runs"].values() if run["method"] in methods])
    if runs.empty:
        return pd.DataFrame(columns=["method", "seed", *names])
    values = runs.reindex(columns=["method", "seed", *names]).astype(dict.fromkeys(names, float))
    return values.groupby(["method", "seed"], as_index=False)[list(names)].mean()


def smoothed(clips: pd.DataFrame, column: str, window: int) -> pd.DataFrame:
    """Replace a column by its centred mean over `window` clips that stays within a phase."""
    clips = clips.sort_values(["method", "seed", "k"], kind="stable")
    runs = clips.groupby(["method", "seed", "phase"], sort=False)[column]
    mean = runs.transform(lambda c: c.rolling(window, center=True, min_periods=1).mean())
    return clips.assign(**{column: mean})


def over_seeds(clips: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean and range over seeds: method, k, phase, mean, low, high, seeds; holes are NaN."""
    groups = clips.groupby(["method", "k", "phase"], sort=False)[column]
    curve = groups.agg(["mean", "min", "max", "count"]).reset_index()
    curve.columns = ["method", "k", "phase", "mean", "low", "high", "seeds"]
    finite = np.isfinite(curve["mean"])
    curve.loc[~finite, ["mean", "low", "high"]] = np.nan
    return curve.sort_values(["method", "k"], ignore_index=True)


def phases_of(clips: pd.DataFrame) -> list[str]:
    """The phase of every clip of the stream, in order."""
    return clips.drop_duplicates("k").sort_values("k")["phase"].tolist()


def band_note(seeds: int) -> str:
    """What the band of a curve is, in words."""
    return f"band: range of {seeds} seeds" if seeds > 1 else "one seed"
