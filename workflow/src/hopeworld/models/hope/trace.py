"""Diagnostics of the memories, gathered on the device and only where a trace is asked for.

Each note is one tensor per step, averaged over the batch: [H], or a scalar for a CMS level.
Names are those of `schema.MEMORY`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from hopeworld.models.hope.continuum import CLIP_NORM, DEAD
from hopeworld.models.hope.memory import Memory, Pairs, surprise
from hopeworld.models.predictor import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hopeworld.models.hope.continuum import Level, Slot
    from hopeworld.models.hope.titan import Titan, TitanState

POWER_STEPS = 4


@dataclass(frozen=True)
class Write:
    """What one step's write computed on its way."""

    fast: Pairs
    slow: Pairs
    gates: Pairs
    rate: Float[Tensor, "B H S"]
    surprised: Float[Tensor, "B H S"]
    gate: Float[Tensor, "B H S"]


@dataclass(frozen=True)
class Diary:
    """The notes of one layer."""

    trace: Trace
    layer: int

    def note(self, memory: str, name: str, value: Float[Tensor, "B *rest"]) -> None:
        """Append one step's value, averaged over the batch."""
        notes = self.trace.setdefault((self.layer, memory, name), [])
        notes.append(value.detach().float().mean(0))

    @torch.no_grad()
    def note_write(self, titan: Titan, write: Write, old: TitanState, new: TitanState) -> None:
        """Everything about one step's write of a layer."""
        self._note_strength(titan, write)
        after = surprise(write.fast.phi, write.fast.error, new.memory)[0]
        self._note_surprise(write.surprised, after)
        rows = write.fast.phi[0] * write.fast.weight[..., None].sqrt()
        self.note("memory", "lambda_max", _largest_eigenvalue(rows))
        rule = titan.settings.write
        slow = [name for name in ("k", "v") if name in titan.settings.adaptive]
        self._note_memory(["memory"], titan.memory, rule, write.fast, (old.memory, new.memory))
        self._note_memory(slow, titan.slow, rule, write.slow, (old.slow, new.slow))
        scalars = [name for name in ("eta", "alpha") if name in titan.settings.adaptive]
        self._note_scalars(scalars, titan.gates, (old.gates, new.gates))

    def _note_surprise(self, before: Tensor, after: Tensor) -> None:
        self.note("memory", "surprise_before", before.mean(-1))
        self.note("memory", "surprise_after", after.mean(-1))
        self.note("memory", "write_gain", 1 - after.mean(-1) / before.mean(-1).clamp_min(1e-12))

    def _note_strength(self, titan: Titan, write: Write) -> None:
        self.note("memory", "write_scale", titan.log_scale.exp()[None])
        self.note("memory", "gate", write.gate.mean(-1))
        self.note("memory", "write_sum", write.fast.weight.sum(-1))
        rate = write.rate.float()
        low, high = rate.quantile(rate.new_tensor([0.05, 0.95]), dim=-1)
        at_bounds = (rate < 0.01) | (rate > 0.99)
        self.note("eta", "eta", rate.mean(-1))
        self.note("eta", "eta_p05", low)
        self.note("eta", "eta_p95", high)
        self.note("eta", "share_at_bounds", at_bounds.float().mean(-1))
        self.note("alpha", "alpha", write.fast.retention)

    def _note_memory(
        self, names: list[str], memory: Memory, rule: str, pairs: Pairs, deltas: tuple
    ) -> None:
        """Gradient, step, drift and retained share of memories of one kind.

        Steps and drifts are relative to the norm of (W_0, W2). The retained share is what the
        write leaves of Delta where there is nothing to learn: NaN for an empty memory. dgd, which
        decays W_0 too, has none.
        """
        old, new = deltas
        scale = _norm(memory.outer)
        if memory.inner is not None:
            scale = (scale.square() + _norm(memory.inner).square()).sqrt()
        left = pairs.error - pairs.phi @ old.mT
        values = {
            "grad_norm": _norm((left * pairs.weight[..., None]).mT @ pairs.phi),
            "step": _norm(new - old) / scale[:, None],
            "drift": _norm(new) / scale[:, None],
        }
        if rule != "dgd":
            nothing = replace(pairs, error=torch.zeros_like(pairs.error))
            values["retained_share"] = _norm(memory.write(rule, old, nothing)) / _norm(old)
        clipped = memory.clips(rule, old, pairs)
        if clipped is not None:
            values["clipped"] = clipped
        for name, value in values.items():
            for memory_name, row in zip(names, value, strict=True):
                self.note(memory_name, name, row)

    def _note_scalars(self, names: list[str], memory: Memory, deltas: tuple) -> None:
        """Step and drift of the memories of eta and alpha, one row of the same matrix each."""
        old, new = deltas
        for row, name in enumerate(names):
            scale = memory.outer[0, :, row].norm(dim=-1)
            self.note(name, "step", (new - old)[0, :, :, row].norm(dim=-1) / scale)
            self.note(name, "drift", new[0, :, :, row].norm(dim=-1) / scale)

    def note_levels(self, levels: Iterable[Level], slots: Iterable[Slot], transitions: int) -> None:
        """Size of each CMS level's delta and of its last update over the level's initial norm.

        clipped is NaN before the first update.
        """
        for level, slot in zip(levels, slots, strict=True):
            name, size = f"cms_{level.period}", level.outer.weight.norm()
            fired = transitions // level.period
            last = slot.step / size
            self.note(name, "delta", slot.delta.flatten(1).norm(dim=-1) / size)
            self.note(name, "step", last)
            self.note(name, "updates", torch.full_like(last, fired))
            self.note(name, "dead", (last < DEAD) & (fired > 0))
            clipped = (slot.grad_norm > CLIP_NORM).float()
            self.note(name, "clipped", clipped if fired else clipped * torch.nan)


def _norm(matrix: Float[Tensor, "... r f"]) -> Float[Tensor, "..."]:
    return torch.linalg.matrix_norm(matrix)


def _largest_eigenvalue(rows: Float[Tensor, "... S f"]) -> Float[Tensor, "..."]:
    """Of rows^T rows, by power iteration: a lower bound, close where one direction leads."""
    vector = rows.sum(-2)[..., None]
    for _ in range(POWER_STEPS):
        vector = rows.mT @ (rows @ vector)
        size = vector.norm(dim=-2, keepdim=True).clamp_min(1e-30)
        vector = vector / size
    return size[..., 0, 0]
