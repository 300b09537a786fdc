"""One training run as plain values: what it reads, what it writes, what determines it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import torch

from hopeworld.settings import Hope, Training, VitAC
from hopeworld.training.episodes import Episodes

GATE_KEYS = ("gate_skill", "gate_action_share")


@dataclass(frozen=True)
class ClipFiles:
    """Feature shards and clip tables of a split, in any order; one pair for every domain."""

    domains: tuple[tuple[tuple[Path, ...], tuple[Path, ...]], ...]


@dataclass(frozen=True)
class TrainOutputs:
    """Files of a finished run."""

    weights: Path
    last: Path
    history: Path
    gate: Path


@dataclass(frozen=True)
class TrainJob:
    """One run: a predictor and a seed.

    Args:
        model: name of the predictor, of a variant its own.
        target: object skill on validation clips to stop at; None: all steps.
        checkpoint: folder of the resumable state.
        device: cpu, cuda or cuda:<n>.
        code: fingerprint of the code; a checkpoint of other code is not resumed.
        log: where lines of progress go.
    """

    model: str
    settings: VitAC | Hope
    training: Training
    seed: int
    train: ClipFiles
    validation: ClipFiles
    outputs: TrainOutputs
    target: float | None
    checkpoint: Path
    device: str
    code: str
    log: TextIO

    @property
    def kind(self) -> str:
        """What the predictor is: vit_ac or hope."""
        return "vit_ac" if isinstance(self.settings, VitAC) else "hope"

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{self.model} seed {self.seed}"


@dataclass(frozen=True)
class Data:
    """The two splits of a run."""

    train: Episodes
    validation: Episodes


def fingerprint(job: TrainJob, data: Data) -> str:
    """Digest of what determines a run: settings, seed, code, and the contents of the clips.

    The thresholds of the gate are left out: they judge a run and do not change it.
    """
    training = {k: v for k, v in asdict(job.training).items() if k not in GATE_KEYS}
    model = asdict(job.settings)
    clips = [data.train.digest, data.validation.digest]
    known = [job.model, model, training, job.seed, job.target, job.code, clips]
    known.append(str(torch.__version__))
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
