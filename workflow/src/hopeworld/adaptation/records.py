"""Rows of the tables of a stream (`schema.STREAM`, `PROBES`, `MEMORY`, `CENTRES`)."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld.adaptation.learner import Update
from hopeworld.health import mostly_clipped, problems
from hopeworld.models.objective import region_masks
from hopeworld.models.predictor import Trace
from hopeworld.schema import CENTRES, MEMORY, PROBES, STREAM

COLUMNS = {
    "stream": [name for name in STREAM if name != "loss_frozen"],
    "probes": list(PROBES),
    "memory": list(MEMORY),
    "centres": list(CENTRES),
}


@dataclass(frozen=True)
class Place:
    """Where in a stream a row belongs."""

    k: int
    phase: str
    clip: int


@dataclass(frozen=True)
class Score:
    """Token errors of predictions and of persistence, with the object's patches; on the CPU."""

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

    run: the columns that every row shares: run, stream, seed, order, method.
    """

    run: dict[str, Any]
    stream: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    centres: list[dict[str, Any]] = field(default_factory=list)

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

    def add_centres(self, place: Place, kind: str, centres: Sequence[np.ndarray]) -> None:
        """Centres in metres along a clip, [T, 2] each: start, true, decoded, predicted.

        Row i is transition i (online) or horizon i + 1 (rollout).
        """
        names = ("start", "true", "decoded", "predicted")
        for step, row in enumerate(zip(*centres, strict=True)):
            at = {"k": place.k, "phase": place.phase, "clip": place.clip, "kind": kind}
            at["t"] = step + (kind == "rollout")
            found = {
                f"{name}_{axis}": float(value)
                for name, point in zip(names, row, strict=True)
                for axis, value in zip("xy", point, strict=True)
            }
            self.centres.append({**self.run, **at, **found})

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
        """What the rows say is wrong, one line each."""
        finite = math.isfinite
        broken = any(finite(row["persistence"]) and not finite(row["loss"]) for row in self.stream)
        found = ["diverged: a prediction is not finite"] if broken else []
        steps = [row["clipped"] for row in self.stream if finite(row["grad_norm_pre"])]
        found += mostly_clipped("TTA steps", float(np.mean(steps)) if steps else 0.0)
        return found + problems(pd.DataFrame(self.memory, columns=list(MEMORY)))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table with exactly the columns of the schema."""
        return {
            name: pd.DataFrame(getattr(self, name), columns=columns)
            for name, columns in COLUMNS.items()
        }

    def pack(self) -> dict[str, Tensor]:
        """The tables so far as parquet files, each the bytes of a tensor."""
        packed = {}
        for name, table in self.tables().items():
            file = io.BytesIO()
            table.to_parquet(file, index=False)
            packed[name] = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
        return packed

    def unpack(self, packed: dict[str, Tensor]) -> None:
        """Go on from what `pack` returned."""
        for name, content in packed.items():
            table = pd.read_parquet(io.BytesIO(content.numpy().tobytes()))
            setattr(self, name, table.to_dict("records"))
