"""Join the tables of all runs and write the tables and metrics of a study.

Values in metrics.json follow `runs.run_metrics`: object patches under the plain name, the other
regions with a suffix (`skill_B`, `skill_B_background`, `skill_B_all`). NA is null. The stream main
stands at the top, every other one under `streams`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hopeworld import files, schema
from hopeworld.evaluation import cautions, costs_table, final_losses, metrics_table
from hopeworld.evaluation.labels import in_order
from hopeworld.evaluation.metrics import net_gain
from hopeworld.evaluation.runs import Windows, centre_metrics, gains, losses_of, run_metrics
from hopeworld.evaluation.statistics import hierarchical_bootstrap, interval
from hopeworld.evaluation.summary_job import Outputs, Sources, SummaryJob
from hopeworld.evaluation.tables import (
    RUN,
    join_twin,
    persistence_rows,
    read_table,
    require_runs,
)
from hopeworld.parquet import write_table
from hopeworld.records import carried

MAIN = "main"
SUFFIX = {"object": "", "background": "_background", "all": "_all"}
NOT_METRICS = ("method", "seed", "order")


@dataclass(frozen=True)
class Tables:
    """The rows of all runs; `stream` with `loss_frozen`."""

    stream: pd.DataFrame
    probes: pd.DataFrame
    centres: pd.DataFrame

    def of(self, stream: str) -> Tables:
        """The rows of one stream, and persistence as one of its methods."""
        parts = (t[t["stream"] == stream] for t in (self.stream, self.probes, self.centres))
        online, probes, centres = parts
        with_copies = (pd.concat([t, persistence_rows(t)]) for t in (online, probes))
        return Tables(*with_copies, centres)


def summarise(job: SummaryJob, sources: Sources, outputs: Outputs) -> None:
    """Write all tables and metrics.json; raise `TableError` if the study is not whole."""
    stream = read_table(sources.streams, schema.STREAM)
    probes = read_table(sources.probes, schema.PROBES)
    contestants = {name: plan.contestants for name, plan in job.streams.items()}
    for table in (stream, probes):
        require_runs(table, job.study, contestants, job.seeds, job.orders)
    stream = join_twin(stream, job.methods)
    centres = read_table(sources.centres, schema.CENTRES)
    gates = [files.read_json(path) for path in sources.gates]
    write_table(stream, outputs.stream)
    write_table(probes, outputs.probes)
    write_table(centres, outputs.centres)
    memory = read_table(sources.memories, schema.MEMORY)
    history = read_table(sources.histories, schema.HISTORY)
    write_table(memory, outputs.memory)
    write_table(history, outputs.history)
    _write_gates(gates, outputs.gate)
    metrics = study_metrics(job, Tables(stream, probes, centres), gates)
    files.write_json(outputs.metrics, metrics | carried())
    cautions.write(outputs.cautions, cautions.find(metrics, memory, history, job.clip_norms))
    final_losses.write(metrics, job.evaluation, outputs.final_losses_csv, outputs.final_losses_tex)
    metrics_table.write(metrics, outputs.metrics_csv, outputs.metrics_tex)
    costs = [files.read_json(path) for path in sources.costs]
    costs_table.write(costs, outputs.costs_csv, outputs.costs_tex)


def _write_gates(gates: list[dict], path: Path) -> None:
    table = pd.json_normalize(gates).set_index(["model", "seed", "passed"])
    with files.atomic(path) as part:
        table.to_csv(part, lineterminator="\n")


def study_metrics(job: SummaryJob, tables: Tables, gates: list[dict]) -> dict[str, Any]:
    """The content of metrics.json, from tables that are whole and joined."""
    streams = _streams(job, tables)
    metrics = {
        "study": job.study,
        "encoder": {"weights": job.encoder.weights, "mode": job.encoder.mode},
        "gate": {"passed": all(gate["passed"] for gate in gates), "runs": gates},
        "seeds": list(job.seeds),
        "orders": list(job.orders),
        "confidence": job.evaluation.confidence,
        **streams.pop(MAIN),
        "streams": streams,
        "twins": {name: method.twin for name, method in job.methods.items()},
        "models": {name: method.model for name, method in job.methods.items()},
        "kinds": dict(job.kinds),
    }
    return without_nan(metrics)


def _streams(job: SummaryJob, tables: Tables) -> dict[str, dict[str, Any]]:
    """Per stream its domains, clips, runs and methods."""
    windows = Windows(job.evaluation, job.verdict, job.episode_clips)
    runs, spreads = {}, {}
    for name in job.streams:
        part = tables.of(name)
        runs[name] = _runs(part, windows)
        spreads[name] = {m: _over_clips(part.stream, m, job) for m in set(part.stream["method"])}
    placebo = next((n for n, plan in job.streams.items() if set(plan.domains) == {"A"}), None)
    for name, of_stream in runs.items():
        _add_net_gain(of_stream, {} if name == placebo else runs.get(placebo, {}))
        _add_oracle_gain(of_stream, job)
    found = {
        name: {
            "domains": list(plan.domains),
            "clips": list(plan.clips),
            "runs": runs[name],
            "methods": _methods(runs[name], job.evaluation.confidence),
        }
        for name, plan in job.streams.items()
    }
    for name, one in found.items():
        for method, entries in one["methods"].items():
            entries["adaptation_gain"] |= spreads[name][method]
    return found


def _over_clips(stream: pd.DataFrame, method: str, job: SummaryJob) -> dict[str, float]:
    """Bootstrap interval of the gain in B over seeds and blocks of clips, beside that over seeds.

    It says how much of the spread is in the clips; a block is an episode.
    """
    rows = stream.query("method == @method and region == 'object' and kind == 'online'")
    b_gains = {k: gains(losses_of(run).of("B")) for k, run in rows.groupby(["seed", "order"])}
    seeds = sorted({seed for seed, _ in b_gains})
    values = [np.concatenate([g for (s, _), g in b_gains.items() if s == seed]) for seed in seeds]
    drawn = hierarchical_bootstrap(
        np.stack(values),
        job.episode_clips,
        job.evaluation.bootstrap_draws,
        job.evaluation.confidence,
        np.random.default_rng(0),
    )
    return {"clips_low": drawn.low, "clips_high": drawn.high}


def _runs(tables: Tables, windows: Windows) -> dict[str, dict]:
    probed = dict(list(tables.probes.groupby(["run", "region"])))
    centred = dict(list(tables.centres.groupby("run")))
    runs: dict[str, dict] = {}
    for (run, region), rows in tables.stream.groupby(["run", "region"], sort=False):
        first = rows.iloc[0]
        values = runs.setdefault(run, {"method": first["method"]})
        values |= {name: int(first[name]) for name in RUN}
        found = run_metrics(rows, probed[run, region], windows)
        values |= {f"{name}{SUFFIX[region]}": value for name, value in found.items()}
        if region == "all":
            values |= _cost(rows[rows["kind"] == "online"])
            values |= centre_metrics(centred[run]) if run in centred else {}
    return runs


def _add_net_gain(runs: Mapping[str, dict], placebo: Mapping[str, dict]) -> None:
    """net_gain = adaptation_gain minus that of the same method, seed and order in the placebo."""
    same = {_identity(run): run for run in placebo.values()}
    for run in runs.values():
        for suffix in SUFFIX.values():
            name = f"adaptation_gain{suffix}"
            drift = same.get(_identity(run), {name: float("nan")})[name]
            run[f"net_gain{suffix}"] = net_gain(run[name], drift)


def _add_oracle_gain(runs: Mapping[str, dict], job: SummaryJob) -> None:
    """oracle_gain = mean of L0 - L over B, L of the same kind of predictor trained on B alone.

    A value of frozen methods; NA where no oracle ran.
    """
    oracles = {
        (job.kinds[job.methods[run["method"]].model], run["seed"], run["order"]): run
        for run in runs.values()
        if run["method"] in job.methods and job.methods[run["method"]].model in job.oracles
    }
    for run in runs.values():
        method = job.methods.get(run["method"])
        frozen = method is not None and method.model == job.kinds[method.model]
        frozen = frozen and method.twin == run["method"]
        key = (method.model, run["seed"], run["order"]) if frozen else None
        for suffix in SUFFIX.values():
            name = f"loss_B{suffix}"
            reached = oracles.get(key, {name: float("nan")})[name]
            run[f"oracle_gain{suffix}"] = run[name] - reached


def _identity(run: Mapping[str, Any]) -> tuple[str, int, int]:
    return run["method"], run["seed"], run["order"]


def _cost(rows: pd.DataFrame) -> dict[str, float]:
    """Share of TTA steps that clipped, drift at the end; times are in `costs_table` alone."""
    adapted = np.isfinite(rows["grad_norm_pre"])
    return {
        "clipped_share": float(rows.loc[adapted, "clipped"].astype(float).mean()),
        "drift_end": float(rows.sort_values(["k", "t"])["drift"].iloc[-1]),
    }


def _methods(runs: Mapping[str, Mapping], confidence: float) -> dict[str, dict]:
    table = pd.DataFrame.from_dict(dict(runs), orient="index")
    of_method = dict(list(table.groupby("method")))
    return {m: _over_seeds(of_method[m], confidence) for m in in_order(of_method)}


def _over_seeds(rows: pd.DataFrame, confidence: float) -> dict[str, dict]:
    """Interval over seeds of every metric, orders averaged first; censored values counted apart."""
    names = [name for name in rows if name not in NOT_METRICS and "_censored" not in name]
    flags = {name: flag for name in names if (flag := _censored(rows, name)) is not None}
    kept = rows[names].astype(float).mask(pd.DataFrame(flags).reindex(columns=names) == 1.0)
    per_seed = kept.groupby(rows["seed"]).mean()
    entries = {name: asdict(interval(per_seed[name].to_numpy(), confidence)) for name in names}
    for name, flag in flags.items():
        entries[name]["censored"] = int(flag.sum())
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
