"""A job from its start, or its checkpoint, to its tables."""

from __future__ import annotations

import functools
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from hopeworld.adaptation.clips import read_clips
from hopeworld.adaptation.contestants import load_contestant
from hopeworld.adaptation.costs import count_flops
from hopeworld.adaptation.job import StreamJob
from hopeworld.adaptation.learner import Learner
from hopeworld.adaptation.probes import Probes
from hopeworld.adaptation.protocol import Stream
from hopeworld.files import atomic, write_json
from hopeworld.models.predictor import parameter_count
from hopeworld.parquet import write_table
from hopeworld.probing.decoder import load_decoder
from hopeworld.progress import Progress
from hopeworld.training import checkpoint

START = "start"
STATES = "states"
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class StreamOutputs:
    """Files of a finished job; centres, cost and states only where they are asked for."""

    stream: Path
    probes: Path
    memory: Path
    centres: Path | None = None
    cost: Path | None = None
    states: Path | None = None


def run_stream(job: StreamJob, outputs: StreamOutputs) -> None:
    """Run a job to its files, from its checkpoint if there is one of this job; then remove that."""
    tables = play_stream(job)
    for name, table in tables.items():
        path = getattr(outputs, name)
        if path is not None:
            write_table(table, path)
    if outputs.cost is not None:
        write_json(outputs.cost, measure_cost(job, tables["stream"]))
    if job.checkpoint is not None:
        if outputs.states is not None:
            _publish(job, outputs.states)
        _remove(job.checkpoint)


def _remove(folder: Path) -> None:
    """Remove a checkpoint; killed meanwhile, it is no checkpoint any more."""
    done = folder.with_name(f"{folder.name}.done")
    shutil.rmtree(done, ignore_errors=True)
    if folder.exists():
        folder.rename(done)
    shutil.rmtree(done, ignore_errors=True)


def play_stream(job: StreamJob) -> Tables:
    """Every order of a job; its tables, an order after the other."""
    known = "" if job.checkpoint is None else job.fingerprint()
    probes = Probes(job.probes, job.device)
    records = []
    with torch.random.fork_rng([] if job.device == "cpu" else [torch.device(job.device)]):
        torch.manual_seed(job.seed)
        for number, orders in enumerate(job.batches()):
            stream = _play_batch(job, orders, probes, known, number)
            records += stream.records
    for one in records:
        for warning in one.warnings():
            print(f"caution: {warning} [{one.run['run']}]", file=sys.stderr, flush=True)
    parts = [one.tables() for one in records]
    return {name: _concatenated([part[name] for part in parts]) for name in parts[0]}


def _play_batch(
    job: StreamJob, orders: tuple[int, ...], probes: Probes, known: str, number: int
) -> Stream:
    """Some orders side by side, from the start or from their checkpoint to the end."""
    decoder = None if job.decoder is None else load_decoder(job.decoder, job.device)
    stream = Stream(job, load_contestant(job.weights, job.device), orders, probes, decoder)
    folder = None if job.checkpoint is None else job.checkpoint / f"batch{number}"
    done = _resume(stream, folder, known)
    progress = _progress(stream)
    progress.start(done)
    tell = functools.partial(progress.count, 0)
    if done == 0:
        stream.probe(0, START, tell)
        _save_states(stream, START)
    for k in range(done, len(stream.stops)):
        stream.play_next(k)
        phase, ends = stream.stops[k].phase, stream.ends_phase(k)
        if ends or (k + 1) % job.settings.probe_every == 0:
            stream.probe(k + 1, phase, tell)
        if ends:
            _save_states(stream, phase)
        if folder is not None and _is_due(stream, k):
            checkpoint.save_state(folder, known, pack(stream, k + 1))
        progress.count(1, phase)
    return stream


def _progress(stream: Stream) -> Progress:
    """Counts the clips of orders that run side by side, and hears of the probes between them."""
    job, orders = stream.job, len(stream.orders)
    side = f", {orders} orders" if orders > 1 else ""
    return Progress(f"{job.label}{side}", len(stream.stops), "clips")


def _is_due(stream: Stream, k: int) -> bool:
    every = stream.job.settings.checkpoint_clips
    return (k + 1) % every == 0 or k + 1 == len(stream.stops)


def _resume(stream: Stream, folder: Path | None, known: str) -> int:
    """Clips that a checkpoint of this job has seen; 0 to start."""
    if folder is None:
        return 0
    checkpoint.remove_partial(folder)
    state, line = checkpoint.load_state(folder, known)
    print(f"{stream.job.label}: {line}", file=sys.stderr, flush=True)
    if state is None:
        return 0
    unpack(stream, state)
    return state["step"]


def pack(stream: Stream, done: int) -> dict[str, Any]:
    """All that changes while a stream runs, after `done` clips."""
    return {
        "step": done,
        "learner": stream.learner.pack(),
        "ratios": stream.resets.ratios,
        "records": [records.pack() for records in stream.records],
    }


def unpack(stream: Stream, state: dict[str, Any]) -> None:
    """Continue from what `pack` returned."""
    stream.learner.unpack(state["learner"])
    stream.resets.ratios = state["ratios"]
    for records, packed in zip(stream.records, state["records"], strict=True):
        records.unpack(packed)


def _save_states(stream: Stream, phase: str) -> None:
    """What every stream has learnt at the end of a phase, beside the checkpoint."""
    folder = stream.job.checkpoint
    if folder is None:
        return
    for number, order in enumerate(stream.orders):
        stream.learner.save(folder / STATES / state_name(phase, order), number)


def _publish(job: StreamJob, folder: Path) -> None:
    """Copy the states from beside the checkpoint to where they are asked for."""
    for phase in (START, *(phase.name for phase in job.phases)):
        for order in job.orders:
            name = state_name(phase, order)
            with atomic(folder / name) as part:
                shutil.copyfile(job.checkpoint / STATES / name, part)


def state_name(phase: str, order: int) -> str:
    """File of what the stream of an order has learnt at the end of a phase, or at the start."""
    return f"{phase}_order{order}.safetensors"


def _concatenated(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def measure_cost(job: StreamJob, stream: pd.DataFrame) -> dict[str, Any]:
    """What the contestant costs: numbers that it holds, FLOPs (see `count_flops`) and time."""
    predictor = load_contestant(job.weights, job.device)
    parameters = parameter_count(predictor)
    learner = Learner(predictor, job.method, job.settings)
    first = job.phases[0]
    return {
        "method": job.name,
        "model": job.method.model,
        "seed": job.seed,
        "parameters": parameters,
        "adapted_scalars": learner.adapted_scalars,
        "state_scalars": learner.state_scalars,
        "flops_per_transition": count_flops(learner, read_clips(first.data, [0], job.device)),
        "time_ms": float(stream["time_ms"].median()),
    }
