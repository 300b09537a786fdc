"""What a run has learnt, taken apart: transplants, geometry and separability of its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hopeworld.adaptation.learner import Learner, load_learner
from hopeworld.adaptation.probes import Probes
from hopeworld.features.dataset import ClipDataset
from hopeworld.probing.geometry import geometry
from hopeworld.probing.knowledge import take
from hopeworld.probing.lessons import separate
from hopeworld.probing.transplant import transplants
from hopeworld.settings import Adaptation, Method

RUN = ["method", "seed", "order"]
TRANSPLANT = [*RUN, "state", "part", "domain", "loss", "persistence"]
SEPARABILITY = ["method", "seed", "part", "accuracy", "low", "high", "clips", "episodes"]
SEPARABILITY += ["norm_accuracy", "chance"]


@dataclass(frozen=True)
class MemoryJob:
    """One method and seed.

    states: file of what was learnt by the end of a phase, by order and phase.   probes: held-out
    clips of A, then of B.   confidence: of the interval of the accuracy.
    """

    name: str
    method: Method
    settings: Adaptation
    seed: int
    weights: Path
    states: Mapping[int, Mapping[str, Path]]
    probes: Mapping[str, ClipDataset]
    confidence: float
    device: str


@dataclass(frozen=True)
class Analysis:
    """The three tables of a job; without rows for a method that learns nothing."""

    transplant: pd.DataFrame
    geometry: pd.DataFrame
    separability: pd.DataFrame


def analyse(job: MemoryJob) -> Analysis:
    """Take the states of every order apart."""
    learner = _load(job, None)
    trained, probes = take(learner), Probes(job.probes, job.device)
    moved, swapped = [], []
    for order, files in job.states.items():
        run = dict(zip(RUN, (job.name, job.seed, order), strict=True))
        learnt = {phase: take(_load(job, path)) for phase, path in files.items()}
        moved += [run | row for row in geometry(trained, learnt)]
        swapped += [run | row for row in transplants(learner, learnt, probes)]
    run = {"method": job.name, "seed": job.seed}
    told = separate(learner, job.probes, job.confidence, job.device)
    phases = dict.fromkeys(phase for files in job.states.values() for phase in files)
    drifts = [f"drift_{phase}" for phase in phases]
    return Analysis(
        pd.DataFrame(swapped, columns=TRANSPLANT),
        pd.DataFrame(moved, columns=[*RUN, "part", *drifts, "reversibility"]),
        pd.DataFrame([run | row for row in told], columns=SEPARABILITY),
    )


def _load(job: MemoryJob, state: Path | None) -> Learner:
    return load_learner(job.weights, job.method, job.settings, state, job.device)
