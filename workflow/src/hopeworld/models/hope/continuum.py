"""Phase B of a HOPE block: the continuum memory system, MLPs that learn at different periods.

Levels in sequence, all in every forward pass (Behrouz et al. 2025, section 7, eq. 70-74):
x += f_l(LN_l x). Online, the output matrix of a level carries a per-sample delta. Every transition
adds the gradient of a loss to the level's sum; when the count of transitions, which runs on across
clips, is a multiple of the level's period p,

    Delta_l <- rho Delta_l - rate * clip(sum / p, 1),        sum <- 0

so that with rho = 0.98 the half-lives are 34 p transitions: that is the continuum (docs/method.md,
section 3.3). The loss is

    look_back   L1 of the prediction against the latent that has now been observed, in `observe`
    local       |(W + Delta) h - gamma u|^2 / 2, mean over the tokens of a step, u = LN x and h the
                unit hidden vector: a reconstruction inside the block, with a learned gain gamma
                and rate, differentiable, in training too

Axes: L layers, B batch, C width, h hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.hope.memory import unit
from hopeworld.models.linear import Linear
from hopeworld.models.predictor import BadInput
from hopeworld.settings import Hope

DEAD = 1e-4
CLIP_NORM = 1.0


@dataclass(frozen=True)
class ContinuumState:
    """Online state of all levels, fastest first; each tensor is stacked over the layers.

    deltas, sums: [L, B, C, h] per level.   steps, grad_norms: norm of the last update, and of
    the mean gradient in it before the clip, [L, B] per level.
    transitions: how many z_t -> z_{t+1} have been counted since `initial`.
    """

    deltas: tuple[Float[Tensor, "L B C h"], ...]
    sums: tuple[Float[Tensor, "L B C h"], ...]
    steps: tuple[Float[Tensor, "L B"], ...]
    grad_norms: tuple[Float[Tensor, "L B"], ...]
    transitions: int


@dataclass(frozen=True)
class Slot:
    """Online state of one level, of one layer or of all of them."""

    delta: Float[Tensor, "*L B C h"]
    total: Float[Tensor, "*L B C h"]
    step: Float[Tensor, "*L B"]
    grad_norm: Float[Tensor, "*L B"]


class Level(nn.Module):
    """One residual MLP with its own LayerNorm.

    gain, log_rate: what the local loss reconstructs and how fast it learns; only with that loss.
    """

    def __init__(self, settings: Hope, period: int):
        super().__init__()
        self.period, self.decay = period, settings.cms_decay
        self.norm = nn.LayerNorm(settings.width, eps=1e-6)
        self.inner = Linear(settings.width, settings.cms_hidden)
        self.outer = Linear(settings.cms_hidden, settings.width)
        if settings.cms_loss == "local":
            self.gain = nn.Parameter(torch.zeros(settings.width))
            self.log_rate = nn.Parameter(torch.tensor(-2.0))

    def forward(
        self, x: Float[Tensor, "B t S C"], delta: Float[Tensor, "B C h"] | None
    ) -> Float[Tensor, "B t S C"]:
        """x + (W + Delta) gelu(A LN x)."""
        return x + self._answer(nn.functional.gelu(self.inner(self.norm(x))), delta)

    def learn(
        self, x: Float[Tensor, "B t S C"], slot: Slot, transitions: int
    ) -> tuple[Float[Tensor, "B t S C"], Slot]:
        """The same, one step after another, each followed by its local gradient."""
        normed = self.norm(x)
        hidden = nn.functional.gelu(self.inner(normed))
        answers = []
        for t in range(x.shape[1]):
            answers.append(self._answer(hidden[:, t : t + 1], slot.delta))
            gradient = self.local_gradient(normed[:, t], hidden[:, t], slot.delta)
            slot = advance(slot, gradient, self, transitions + t + 1, self.log_rate.exp())
        return x + torch.cat(answers, 1), slot

    def local_gradient(
        self, normed: Float[Tensor, "B S C"], hidden: Float[Tensor, "B S h"], delta: Tensor
    ) -> Float[Tensor, "B C h"]:
        """Of the local loss by Delta: mean over tokens of ((W + Delta) h - gamma u) h^T."""
        key = unit(hidden)
        error = key @ (self.outer.weight + delta).mT - self.gain * normed
        return error.mT @ key / key.shape[1]

    def _answer(self, hidden: Float[Tensor, "B t S h"], delta: Tensor | None) -> Tensor:
        answer = self.outer(hidden)
        return answer if delta is None else answer + hidden @ delta[:, None].mT


def initial_continuum(settings: Hope, batch: int, like: Tensor) -> ContinuumState:
    """Nothing learnt online."""
    levels = range(len(settings.cms_periods))
    shape = (settings.depth, batch, settings.width, settings.cms_hidden)
    return ContinuumState(
        deltas=tuple(like.new_zeros(shape) for _ in levels),
        sums=tuple(like.new_zeros(shape) for _ in levels),
        steps=tuple(like.new_zeros(shape[:2]) for _ in levels),
        grad_norms=tuple(like.new_zeros(shape[:2]) for _ in levels),
        transitions=0,
    )


def require_levels(state: ContinuumState, settings: Hope, batch: int) -> None:
    """Raise `BadInput` unless a state has the levels, layers and widths of these settings."""
    wanted = (settings.depth, batch, settings.width, settings.cms_hidden)
    fits = len(state.deltas) == len(settings.cms_periods)
    if not fits or any(tuple(delta.shape) != wanted for delta in state.deltas):
        raise BadInput(
            f"state: its CMS levels are not {len(settings.cms_periods)} of shape {wanted}: it is "
            "of another model or batch; start from initial()"
        )


def layer_slots(state: ContinuumState, layer: int) -> list[Slot]:
    """The slots of one layer, fastest level first."""
    return [Slot(*(part[layer] for part in vars(slot).values())) for slot in _slots(state)]


def join_slots(layers: list[list[Slot]], transitions: int) -> ContinuumState:
    """The state of all layers, from the slots of each."""
    levels = list(zip(*layers, strict=True))
    stack = [
        [torch.stack(p) for p in zip(*(vars(s).values() for s in sl), strict=True)] for sl in levels
    ]
    return ContinuumState(*zip(*stack, strict=True), transitions)


def look_back(
    state: ContinuumState, gradients: tuple[Tensor, ...], levels: list[Level], rate: float
) -> ContinuumState:
    """Count one transition, add its gradients, and update the levels whose period is complete.

    levels: those of any layer, for their periods and decay.
    """
    count = state.transitions + 1
    learnt = [
        advance(slot, gradient.detach(), level, count, rate)
        for slot, gradient, level in zip(_slots(state), gradients, levels, strict=True)
    ]
    return ContinuumState(*zip(*(vars(slot).values() for slot in learnt), strict=True), count)


def advance(slot: Slot, gradient: Tensor, level: Level, count: int, rate: float | Tensor) -> Slot:
    """Add a gradient; where `count` completes the level's period, make the update above."""
    total = slot.total + gradient
    if count % level.period:
        return replace(slot, total=total)
    mean = total / level.period
    norm = gradient_norm(mean)
    updated = level.decay * slot.delta - rate * (mean / norm.clamp_min(CLIP_NORM))
    step = (updated - slot.delta).detach().flatten(-2).norm(dim=-1)
    return Slot(updated, torch.zeros_like(total), step, norm.detach()[..., 0, 0])


def gradient_norm(gradient: Float[Tensor, "*L B C h"]) -> Float[Tensor, "*L B 1 1"]:
    """The norm of each layer's and sample's gradient, with a finite slope at zero."""
    return (gradient.square().sum((-1, -2), keepdim=True) + 1e-24).sqrt()


def _slots(state: ContinuumState) -> list[Slot]:
    """Every level of all layers, fastest first."""
    levels = zip(state.deltas, state.sums, state.steps, state.grad_norms, strict=True)
    return [Slot(*parts) for parts in levels]
