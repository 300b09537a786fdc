"""Rows of the stream, probe and memory tables (`schema.STREAM`, `PROBES`, `MEMORY`)."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld.adaptation.adapter import Update
from hopeworld.files import atomic
from hopeworld.models.objective import region_masks
from hopeworld.models.predictor import Trace
from hopeworld.schema import MEMORY, PROBES, STREAM

RETAINED = 0.1  # below this share of its memory per clip, carrying it is no use


@dataclass(frozen=True)
class Place:
    """Where in a stream a row belongs."""

    k: int
    phase: str
    clip: int


@dataclass(frozen=True)
class Score:
    """Token errors of predictions and of persistence, with the object's patches."""

    loss: Float[Tensor, "t P"]
    persistence: Float[Tensor, "t P"]
    mask: Bool[Tensor, "t P"]

    def regions(self, step: int) -> dict[str, tuple[float, float]]:
        """Mean loss and persistence of one step, per region."""
        return {
            name: (
                float(self.loss[step][chosen].mean()),
                float(self.persistence[step][chosen].mean()),
            )
            for name, chosen in region_masks(self.mask[step]).items()
        }


@dataclass
class Records:
    """Collects the rows of one run.

    run: the columns that every row shares: run, seed, order, method.
    """

    run: dict[str, Any]
    stream: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)

    def add_transition(
        self, place: Place, t: int, score: Score, update: Update, measured: dict[str, float]
    ) -> None:
        """One online transition; `measured` holds drift and time_ms."""
        shared = {"grad_norm_pre": update.grad_norm, "clipped": update.clipped, **measured}
        self._add_regions(place, t, "online", score.regions(0), shared)

    def add_rollout(self, place: Place, score: Score) -> None:
        """A free rollout: t is the horizon, from 1."""
        shared = dict.fromkeys(("grad_norm_pre", "drift", "time_ms"), float("nan"))
        for step in range(len(score.loss)):
            regions = score.regions(step)
            self._add_regions(place, step + 1, "rollout", regions, {"clipped": False, **shared})

    def _add_regions(
        self,
        place: Place,
        t: int,
        kind: str,
        regions: dict[str, tuple[float, float]],
        shared: dict[str, Any],
    ) -> None:
        for region, (loss, persistence) in regions.items():
            row = {"k": place.k, "phase": place.phase, "clip": place.clip, "t": t, "kind": kind}
            row |= {"region": region, "loss": loss, "persistence": persistence}
            self.stream.append({**self.run, **row, **shared})

    def add_probe(self, k: int, phase: str, domain: str, means: dict[str, tuple]) -> None:
        """Mean losses over the probe clips of one domain after k clips of the stream."""
        for region, (loss, persistence) in means.items():
            row = {"k": k, "phase": phase, "domain": domain, "region": region}
            self.probes.append({**self.run, **row, "loss": loss, "persistence": persistence})

    def add_trace(self, place: Place, trace: Trace) -> None:
        """The memories' diagnostics of one clip, moved from the device at once; NaN is left out."""
        for (layer, memory, name), notes in trace.items():
            values = torch.stack(notes).reshape(len(notes), -1).tolist()
            heads = range(len(values[0])) if notes[0].ndim else [-1]
            for t, of_step in enumerate(values):
                for head, value in zip(heads, of_step, strict=True):
                    self._add_memory(place, (t, layer, head, memory, name), value)

    def add_note(self, place: Place, t: int, memory: str, name: str, value: Tensor) -> None:
        """One number about the whole predictor at one transition."""
        self._add_memory(place, (t, -1, -1, memory, name), float(value))

    def _add_memory(self, place: Place, at: tuple, value: float) -> None:
        if not math.isnan(value):
            columns = dict(zip(("t", "layer", "head", "memory", "name"), at, strict=True))
            row = {**self.run, "k": place.k, "phase": place.phase, **columns, "value": value}
            self.memory.append(row)

    def warnings(self) -> list[str]:
        """What the diagnostics of the memories say is wrong, one line each."""
        rows = pd.DataFrame(self.memory, columns=list(MEMORY))
        found = []
        shares = rows[(rows["name"] == "retained_share") & (rows.memory == "memory")]
        per_clip = shares.groupby(["k", "layer", "head"]).value.prod()
        if len(per_clip) and per_clip.median() < RETAINED:
            found.append(f"a clip leaves {per_clip.median():.3f} of the memory (median)")
        dead = rows[(rows["name"] == "dead") & (rows.value > 0)]
        found += [f"CMS level {level} is dead" for level in sorted(dead.memory.unique())]
        return found

    def write(self, stream: os.PathLike, probes: os.PathLike, memory: os.PathLike) -> None:
        """Write the three tables, each atomically, with exactly the columns of the schema."""
        columns = [name for name in STREAM if name != "loss_frozen"]
        for path, rows, names in (
            (stream, self.stream, columns),
            (probes, self.probes, list(PROBES)),
            (memory, self.memory, list(MEMORY)),
        ):
            with atomic(path) as part:
                pd.DataFrame(rows, columns=names).to_parquet(part, index=False)
