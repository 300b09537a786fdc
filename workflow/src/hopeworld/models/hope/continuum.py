"""Phase B of a HOPE block: the continuum memory system, MLPs that learn at different periods.

Levels in sequence, all in every forward pass (Behrouz et al. 2025, section 7, eq. 70-74):
x += f_l(LN_l x). Online, the output matrix of a level carries a per-sample delta. Every observed
transition adds the gradient of the look-back loss to the level's sum; when the count of
transitions, which runs on across clips, is a multiple of the level's period p,

    Delta_l <- rho Delta_l - rate * clip(sum / p, 1),        sum <- 0

so that with rho = 0.98 the half-lives are 34 p transitions: that is the continuum.
Axes: L layers, B batch, C width, h hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.settings import Hope

DEAD = 1e-4


@dataclass(frozen=True)
class ContinuumState:
    """Online state of all levels, fastest first; each tensor is stacked over the layers.

    deltas, sums: [L, B, C, h] per level.   steps: norm of the last update, [L, B] per level.
    transitions: how many z_t -> z_{t+1} have been observed since `initial`.
    """

    deltas: tuple[Float[Tensor, "L B C h"], ...]
    sums: tuple[Float[Tensor, "L B C h"], ...]
    steps: tuple[Float[Tensor, "L B"], ...]
    transitions: int


class Level(nn.Module):
    """One residual MLP with its own LayerNorm."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)

    def forward(
        self, x: Float[Tensor, "B t S C"], delta: Float[Tensor, "B C h"] | None
    ) -> Float[Tensor, "B t S C"]:
        """x + (W + Delta) gelu(U LN x)."""
        hidden = nn.functional.gelu(self.inner(self.norm(x)))
        answer = self.outer(hidden)
        if delta is not None:
            answer = answer + torch.einsum("btsh,bch->btsc", hidden, delta)
        return x + answer


def initial_continuum(settings: Hope, batch: int, like: Tensor) -> ContinuumState:
    """Nothing learnt online."""
    levels = range(len(settings.cms_periods))
    shape = (settings.depth, batch, settings.width, settings.cms_hidden)
    return ContinuumState(
        deltas=tuple(like.new_zeros(shape) for _ in levels),
        sums=tuple(like.new_zeros(shape) for _ in levels),
        steps=tuple(like.new_zeros(shape[:2]) for _ in levels),
        transitions=0,
    )


def look_back(
    state: ContinuumState, gradients: tuple[Tensor, ...], settings: Hope, rate: float
) -> ContinuumState:
    """Count one transition, add its gradients, and update the levels whose period is complete."""
    count = state.transitions + 1
    deltas, sums, steps = [], [], []
    levels = zip(settings.cms_periods, state.deltas, state.sums, state.steps, strict=True)
    for (period, delta, total, step), gradient in zip(levels, gradients, strict=True):
        total = total + gradient.detach()
        if count % period == 0:
            updated = settings.cms_decay * delta - rate * clip(total / period)
            step = (updated - delta).flatten(2).norm(dim=-1)
            delta, total = updated, torch.zeros_like(total)
        deltas.append(delta)
        sums.append(total)
        steps.append(step)
    return ContinuumState(tuple(deltas), tuple(sums), tuple(steps), count)


def clip(gradient: Float[Tensor, "L B C h"]) -> Float[Tensor, "L B C h"]:
    """Scale each layer's and sample's gradient to a norm of at most 1."""
    norm = gradient.flatten(2).norm(dim=-1)[..., None, None]
    return gradient / norm.clamp_min(1.0)
