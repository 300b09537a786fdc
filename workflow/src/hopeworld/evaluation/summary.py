"""Join the tables of all runs and write the tables and metrics of a study.

Values in metrics.json follow `runs.run_metrics`: object patches under the plain name, the other
regions with a suffix (`skill_B`, `skill_B_background`, `skill_B_all`). NA is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hopeworld import files, schema, settings
from hopeworld.evaluation import final_losses
from hopeworld.evaluation.labels import in_order
from hopeworld.evaluation.runs import Windows, run_metrics
from hopeworld.evaluation.statistics import interval
from hopeworld.evaluation.tables import (
    RUN,
    join_twin,
    persistence_rows,
    read_table,
    require_runs,
    write_table,
)

SUFFIX = {"object": "", "background": "_background", "all": "_all"}
NOT_METRICS = ("method", "seed", "order")


@dataclass(frozen=True)
class Sources:
    """The files of all runs."""

    streams: tuple[Path, ...]
    probes: tuple[Path, ...]
    memories: tuple[Path, ...]
    histories: tuple[Path, ...]
    gates: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """The files that a study's summary writes."""

    stream: Path
    probes: Path
    memory: Path
    history: Path
    final_losses_csv: Path
    final_losses_tex: Path
    gate: Path
    metrics: Path


@dataclass(frozen=True)
class SummaryJob:
    """The settings that a summary depends on.

    kinds: for the predictor of every method what it is, vit_ac or hope.
    """

    study: str
    seeds: tuple[int, ...]
    orders: tuple[int, ...]
    methods: Mapping[str, settings.Method]
    kinds: Mapping[str, str]
    encoder: settings.Encoder
    evaluation: settings.Evaluation
    episode_clips: int


def summarise(job: SummaryJob, sources: Sources, outputs: Outputs) -> None:
    """Write all tables and metrics.json; raise `TableError` if the study is not whole."""
    stream = read_table(sources.streams, schema.STREAM)
    probes = read_table(sources.probes, schema.PROBES)
    for table in (stream, probes):
        require_runs(table, job.study, job.methods, job.seeds, job.orders)
    stream = join_twin(stream, job.methods)
    gates = [files.read_json(path) for path in sources.gates]
    write_table(stream, outputs.stream)
    write_table(probes, outputs.probes)
    write_table(read_table(sources.memories, schema.MEMORY), outputs.memory)
    write_table(read_table(sources.histories, schema.HISTORY), outputs.history)
    _write_gates(gates, outputs.gate)
    metrics = study_metrics(job, stream, probes, gates)
    files.write_json(outputs.metrics, metrics)
    final_losses.write(metrics, job.evaluation, outputs.final_losses_csv, outputs.final_losses_tex)


def _write_gates(gates: list[dict], path: Path) -> None:
    table = pd.json_normalize(gates).set_index(["model", "seed", "passed"])
    with files.atomic(path) as part:
        table.to_csv(part, lineterminator="\n")


def study_metrics(
    job: SummaryJob, stream: pd.DataFrame, probes: pd.DataFrame, gates: list[dict]
) -> dict[str, Any]:
    """The content of metrics.json, from tables that are whole and joined."""
    stream = pd.concat([stream, persistence_rows(stream)], ignore_index=True)
    probes = pd.concat([probes, persistence_rows(probes)], ignore_index=True)
    runs = _runs(stream, probes, Windows(job.evaluation, job.episode_clips))
    metrics = {
        "study": job.study,
        "encoder": {"weights": job.encoder.weights, "mode": job.encoder.mode},
        "gate": {"passed": all(gate["passed"] for gate in gates), "runs": gates},
        "seeds": list(job.seeds),
        "orders": list(job.orders),
        "confidence": job.evaluation.confidence,
        "runs": runs,
        "methods": _methods(runs, job.evaluation.confidence),
        "twins": {name: method.twin for name, method in job.methods.items()},
        "models": {name: method.model for name, method in job.methods.items()},
        "kinds": dict(job.kinds),
    }
    return without_nan(metrics)


def _runs(stream: pd.DataFrame, probes: pd.DataFrame, windows: Windows) -> dict[str, dict]:
    probed = dict(list(probes.groupby(["run", "region"])))
    runs: dict[str, dict] = {}
    for (run, region), rows in stream.groupby(["run", "region"], sort=False):
        first = rows.iloc[0]
        values = runs.setdefault(run, {"method": first["method"]})
        values |= {name: int(first[name]) for name in RUN}
        found = run_metrics(rows, probed[run, region], windows)
        values |= {f"{name}{SUFFIX[region]}": value for name, value in found.items()}
        if region == "all":
            values |= _cost(rows[rows["kind"] == "online"])
    return runs


def _cost(rows: pd.DataFrame) -> dict[str, float]:
    """Mean wall time of a transition (ms), share of TTA steps that clipped, drift at the end."""
    adapted = np.isfinite(rows["grad_norm_pre"])
    return {
        "time_ms": float(rows["time_ms"].mean()),
        "clipped_share": float(rows.loc[adapted, "clipped"].astype(float).mean()),
        "drift_end": float(rows.sort_values(["k", "t"])["drift"].iloc[-1]),
    }


def _methods(runs: Mapping[str, Mapping], confidence: float) -> dict[str, dict]:
    table = pd.DataFrame.from_dict(runs, orient="index")
    of_method = dict(list(table.groupby("method")))
    return {m: _over_seeds(of_method[m], confidence) for m in in_order(of_method)}


def _over_seeds(rows: pd.DataFrame, confidence: float) -> dict[str, dict]:
    """Interval over seeds of every metric, orders averaged first; censored values counted apart."""
    entries = {}
    for name in rows.columns.difference(NOT_METRICS, sort=False):
        if name.endswith("_censored") or "_censored_" in name:
            continue
        values, censored = rows[name].astype(float), _censored(rows, name)
        kept = values.mask(censored) if censored is not None else values
        per_seed = kept.groupby(rows["seed"]).mean()
        entries[name] = asdict(interval(per_seed.to_numpy(), confidence))
        if censored is not None:
            entries[name]["censored"] = int(censored.sum())
    return entries


def _censored(rows: pd.DataFrame, name: str) -> pd.Series | None:
    for suffix in SUFFIX.values():
        flag = f"{name.removesuffix(suffix) if suffix else name}_censored{suffix}"
        if name.endswith(suffix) and flag in rows:
            return rows[flag] == 1.0
    return None


def without_nan(value: Any) -> Any:
    """Replace every number that is not finite by None, which JSON can write."""
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
