"""Diagnostics of the memories, gathered on the device and only where a trace is asked for.

Each note is one tensor per step, averaged over the batch: [H], or a scalar for a CMS level.
Names are those of `schema.MEMORY`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from hopeworld.models.hope.continuum import DEAD
from hopeworld.models.predictor import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hopeworld.models.hope.continuum import ContinuumState, Level
    from hopeworld.models.hope.titan import Content, TitanState


@dataclass(frozen=True)
class Write:
    """What one step's write computed on its way."""

    phi: Float[Tensor, "M B H S h"]
    weights: Float[Tensor, "M B H S"]
    error: Float[Tensor, "M B H S d"]
    surprise_before: Float[Tensor, "B H S"]
    surprise_after: Float[Tensor, "B H S"]
    gate: Float[Tensor, "B H S"]
    retention: Float[Tensor, "B H"]


@dataclass(frozen=True)
class Diary:
    """The notes of one layer."""

    trace: Trace
    layer: int

    def note(self, memory: str, name: str, value: Float[Tensor, "B *rest"]) -> None:
        """Append one step's value, averaged over the batch."""
        notes = self.trace.setdefault((self.layer, memory, name), [])
        notes.append(value.detach().float().mean(0))

    def note_content(self, content: Content, write: Write) -> None:
        """Surprise, gate, eta and alpha of `memory`."""
        before, after = write.surprise_before, write.surprise_after
        self.note("memory", "surprise_before", before.mean(-1))
        self.note("memory", "surprise_after", after.mean(-1))
        self.note("memory", "write_gain", 1 - after.mean(-1) / before.mean(-1).clamp_min(1e-12))
        self.note("memory", "gate", write.gate.mean(-1))
        self.note("memory", "write_sum", write.weights[0].sum(-1))
        self.note("eta", "eta", content.rate.mean(-1))
        self.note("eta", "eta_p05", content.rate.quantile(0.05, dim=-1))
        self.note("eta", "eta_p95", content.rate.quantile(0.95, dim=-1))
        at_bounds = (content.rate < 0.01) | (content.rate > 0.99)
        self.note("eta", "share_at_bounds", at_bounds.float().mean(-1))
        self.note("alpha", "alpha", content.retention)

    def note_states(
        self,
        names: tuple[str, ...],
        write: Write,
        states: tuple[TitanState, TitanState],
        size: Tensor,
    ) -> None:
        """Gradient, step, drift, retained share and stability margin of every MLP memory.

        size: norm of (W1_0, W2) per memory and head, [M, H]; steps and drifts are relative to it.
        """
        old, new = states[0].delta, states[1].delta
        weighted = write.phi * write.weights[..., None]
        gradient = write.error.transpose(-1, -2) @ weighted
        gram = write.phi.transpose(-1, -2) @ weighted
        identity = torch.eye(gram.shape[-1], device=gram.device)
        kept = torch.linalg.solve(gram + identity, old.transpose(-1, -2))
        norm = old.norm(dim=(-1, -2))
        share = write.retention * kept.norm(dim=(-1, -2)) / norm
        largest = torch.linalg.eigvalsh(gram)[..., -1]
        for index, memory in enumerate(names):
            scale = size[index]
            self.note(memory, "grad_norm", gradient[index].norm(dim=(-1, -2)))
            self.note(memory, "step", (new - old)[index].norm(dim=(-1, -2)) / scale)
            self.note(memory, "drift", new[index].norm(dim=(-1, -2)) / scale)
            self.note(memory, "lambda_max", largest[index])
            if (norm[index] > 0).all():
                self.note(memory, "retained_share", share[index])

    def note_levels(
        self, levels: Iterable[Level], periods: tuple[int, ...], state: ContinuumState
    ) -> None:
        """Size of each CMS level's delta and of its last update over the level's initial norm."""
        for level, period, delta, step in zip(
            levels, periods, state.deltas, state.steps, strict=True
        ):
            name, size = f"cms_{period}", level.outer.weight.norm()
            fired = state.transitions // period
            last = step[self.layer] / size
            self.note(name, "delta", delta[self.layer].flatten(1).norm(dim=-1) / size)
            self.note(name, "step", last)
            self.note(name, "updates", torch.full_like(last, fired))
            self.note(name, "dead", (last < DEAD) & (fired > 0))
