"""One contestant on one stream, in all its orders, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from hopeworld.adaptation.clips import clips_digest, episode_order
from hopeworld.features.dataset import ClipDataset
from hopeworld.files import read_json
from hopeworld.settings import PHASES, Adaptation, Method, with_rate

RULES = (
    "clip_norm",
    "delay_steps",
    "reset_every",
    "recovery_ratio",
    "recovery_memory",
    "probe_every",
    "diagnose_every",
)
"""Settings of a stream that change its numbers, beside the method."""


@dataclass(frozen=True)
class Phase:
    """A part of a stream: the first clips of a split in one domain."""

    name: str
    data: ClipDataset
    clips: int


class Stop(NamedTuple):
    """One clip of the streams of a batch: its phase, and its position there, by stream."""

    phase: str
    data: ClipDataset
    positions: list[int]


def stream_phases(clips: Sequence[int], parts: Sequence[ClipDataset]) -> tuple[Phase, ...]:
    """The phases of a stream, named by their position: `clips` counts those of each part."""
    pairs = zip(parts, clips, strict=True)
    return tuple(Phase(PHASES[i], part, count) for i, (part, count) in enumerate(pairs))


def with_tuned_rate(method: Method, tuned_as: str, files: Sequence[str]) -> Method:
    """The method with the best rate of a sweep.

    tuned_as: the method that was swept. files: the file of the best rates, or none for the rate
    that the settings give.
    """
    return with_rate(method, read_json(files[0])[tuned_as]) if files else method


@dataclass(frozen=True)
class StreamJob:
    """One contestant on one stream, in all its orders.

    Args:
        stream: name of the stream.
        name: of the method.
        orders: of the episodes; each is a stream of its own, and they run side by side.
        probes: held-out clips by domain.
        decoder: file of the physics probe; None: no centres.
        checkpoint: folder of the resumable state; None: a killed job starts again.
        code: fingerprint of the code; a checkpoint of other code is not resumed.
    """

    stream: str
    name: str
    method: Method
    settings: Adaptation
    seed: int
    orders: tuple[int, ...]
    weights: Path
    phases: tuple[Phase, ...]
    probes: dict[str, ClipDataset]
    device: str
    decoder: Path | None = None
    checkpoint: Path | None = None
    code: str = ""

    @property
    def label(self) -> str:
        """The job in words."""
        return f"{self.stream}, {self.name} seed {self.seed}"

    def run(self, order: int) -> dict[str, str | int]:
        """The columns that every row of one order shares."""
        name = f"{self.stream}_{self.name}_seed{self.seed}_order{order}"
        own = {"seed": self.seed, "order": order, "method": self.name}
        return {"run": name, "stream": self.stream, **own}

    def batches(self) -> list[tuple[int, ...]]:
        """The orders that run side by side.

        `all` adapts parameters that streams share, and a CMS that is reset in one stream alone
        counts its transitions apart from the others: these run one order after the other.
        """
        if self.method.adapt == "all" or self.method.reset == "on_recovery":
            return [(order,) for order in self.orders]
        return [self.orders]

    def stops(self, orders: tuple[int, ...]) -> list[Stop]:
        """Every clip of these orders, from the first to the last."""
        return [
            Stop(phase.name, phase.data, list(positions))
            for number, phase in enumerate(self.phases)
            for positions in zip(
                *(episode_order(phase.data, phase.clips, order, number) for order in orders),
                strict=True,
            )
        ]

    def fingerprint(self) -> str:
        """Digest of what determines the tables: settings, code, weights, and the clips' content."""
        files = [self.weights, *([self.decoder] if self.decoder else [])]
        known = [
            [self.stream, self.name, self.seed, list(self.orders), self.code],
            asdict(self.method),
            {name: getattr(self.settings, name) for name in RULES},
            [(p.name, p.clips, clips_digest(p.data, p.clips)) for p in self.phases],
            [(d, clips_digest(data, len(data))) for d, data in self.probes.items()],
            [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files],
            [str(torch.__version__), torch.device(self.device).type],
        ]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
