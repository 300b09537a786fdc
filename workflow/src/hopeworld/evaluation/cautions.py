"""What the results of a study warn of, from its tables and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from hopeworld import files
from hopeworld.cautions import Caution, grouped
from hopeworld.health import mostly_clipped, problems
from hopeworld.records import carried

Pairs = Iterator[tuple[str, str]]


def find(
    metrics: Mapping[str, Any],
    memory: pd.DataFrame,
    history: pd.DataFrame,
    clip_norms: Mapping[str, float],
) -> list[Caution]:
    """Gates not passed, runs that broke down, clipped gradients, memories that do not work.

    metrics: as in metrics.json.   memory, history: the tables of all runs and trainings.
    clip_norms: by model, the norm that training clips gradients to.
    """
    streams = {"main": metrics, **metrics["streams"]}
    runs = {name: run for stream in streams.values() for name, run in stream["runs"].items()}
    pairs = [*_gates(metrics["gate"]["runs"]), *_broken(runs), *_clipped_runs(runs)]
    return grouped([*pairs, *_clipped_trainings(history, clip_norms), *_memories(memory)])


def write(path: Path, found: list[Caution]) -> None:
    """Write cautions.json."""
    files.write_json(path, {"cautions": [asdict(one) for one in found]} | carried())


def _gates(gates: list[Mapping[str, Any]]) -> Pairs:
    for gate in gates:
        if not gate["passed"]:
            yield "gate not passed", f"{gate['model']} seed {gate['seed']}"


def _broken(runs: Mapping[str, Mapping[str, Any]]) -> Pairs:
    for name, run in runs.items():
        if run["diverged_all"]:
            yield "diverged: a prediction is not finite", name
        elif run["collapsed"]:
            yield "collapsed: far above the loss of the frozen twin", name


def _clipped_runs(runs: Mapping[str, Mapping[str, Any]]) -> Pairs:
    for name, run in runs.items():
        for problem in mostly_clipped("TTA steps", run.get("clipped_share") or 0.0):
            yield problem, name


def _clipped_trainings(history: pd.DataFrame, clip_norms: Mapping[str, float]) -> Pairs:
    norms = history[history["name"] == "grad_norm"]
    for (model, seed), rows in norms.groupby(["model", "seed"]):
        share = (rows["value"] > clip_norms[model]).mean()
        for problem in mostly_clipped("training steps", share):
            yield problem, f"{model} seed {seed}"


def _memories(memory: pd.DataFrame) -> Pairs:
    for name, rows in memory.groupby("run", sort=False):
        for problem in problems(rows):
            yield problem, name
