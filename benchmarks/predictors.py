"""Whole predictors: the training step, the rollout, and the growth with the length of a clip.

All weights and clips are random; nothing here depends on their values.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.contestant import Contestant, Repeat, Setting, forward_backward
from benchmarks.mixers import plain_shape
from benchmarks.peers.dense_attention import DensePredictor
from hopeworld.models import linear, objective
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import Predictor, standardise

STEP, ROLLOUT, GROWTH = "training step", "rollout of 7 steps", "growth with T"
NAMES = {"plain": "plain formulation", "vit_ac": "ViT-AC", "hope": "HOPE"}
CACHED, UNCACHED = "ViT-AC, cached", "ViT-AC, uncached"
LENGTHS = (8, 16, 32, 64)
ROLLED_IN_TRAINING = 2


def build(name: str, setting: Setting, depth: int) -> Predictor:
    """ViT-AC or HOPE with `depth` blocks."""
    size = setting.size
    settings = size.vit_ac(depth) if name == "vit_ac" else size.hope(depth)
    predictor = build_predictor(settings, size.grid, size.feature_width, seed=0)
    return _prepare(setting, predictor)


def build_plain(setting: Setting, depth: int, steps: int) -> DensePredictor:
    """The plain formulation, with ViT-AC's sizes and weights."""
    weights = build("vit_ac", setting, depth).state_dict()
    del weights["action_scale"]
    predictor = DensePredictor(plain_shape(setting, depth, steps))
    predictor.load_state_dict(weights)
    return _prepare(setting, predictor)


def _prepare(setting: Setting, predictor: nn.Module) -> nn.Module:
    """The blocks are what is compiled: `predict` around them has state and checks."""
    stacks = [part for part in predictor.children() if isinstance(part, nn.ModuleList)]
    return setting.prepare(predictor, *stacks[0])


def clip(setting: Setting, steps: int) -> tuple[Tensor, Tensor]:
    """Standardised latents [B, steps, P, D] and actions [B, steps, 2]."""
    size = setting.size
    latents = setting.normal(setting.batch, steps, size.tokens - 1, size.feature_width)
    return standardise(latents), setting.normal(setting.batch, steps, 2)


def training_step(setting: Setting, name: str, one_dnn: bool = True) -> Repeat:
    """Teacher forcing and a rollout of 2 on a clip of 8 latents, backward, clip, AdamW."""
    depth = setting.size.depth
    if name == "plain":
        predictor = build_plain(setting, depth, setting.size.latents)
        loss = partial(predictor.loss, rollout_steps=ROLLED_IN_TRAINING)
    else:
        predictor = build(name, setting, depth)
        loss = partial(project_loss, predictor)
    optimiser = torch.optim.AdamW(predictor.parameters(), lr=1e-4)
    latents, actions = clip(setting, setting.size.latents)

    def repeat() -> None:
        optimiser.zero_grad(set_to_none=True)
        with setting.precision(), nullcontext() if one_dnn else linear_by_mkl():
            value = loss(latents, actions)
        value.backward()
        nn.utils.clip_grad_norm_(predictor.parameters(), 1.0)
        optimiser.step()

    return repeat


def linear_by_mkl() -> AbstractContextManager:
    """Linear layers multiply as nn.Linear does; the gradients of a graph follow its forward."""
    return patch.object(linear, "_is_served", lambda x, weight: False)


def project_loss(predictor: Predictor, latents: Tensor, actions: Tensor) -> Tensor:
    """The objective that the predictors are trained on, from a fresh state."""
    state = predictor.initial(len(latents))
    predicted = objective.forecast(predictor, state, latents, actions, ROLLED_IN_TRAINING)
    return objective.losses(predicted, latents, "mean").total


def rollout(setting: Setting, name: str) -> Repeat:
    """7 steps on own predictions from one latent, no gradient; `name` is of `ROLLOUTS`."""
    horizon = objective.TRANSITIONS
    latents, actions = clip(setting, horizon)
    roll = ROLLOUTS[name](setting)

    @torch.no_grad()
    def repeat() -> None:
        with setting.precision():
            roll(latents[:, :1], actions, horizon)

    return repeat


Roll = Callable[[Tensor, Tensor, int], Tensor]


def roll_plain(setting: Setting) -> Roll:
    """The plain formulation: the prefix grows, and is computed anew at every step."""
    return build_plain(setting, setting.size.depth, objective.TRANSITIONS).rollout


def roll_cached(setting: Setting, name: str) -> Roll:
    """As the project rolls out: keys and values, or memories, are kept."""
    predictor = build(name, setting, setting.size.depth)
    return partial(predictor.rollout, predictor.initial(setting.batch))


def roll_uncached(setting: Setting) -> Roll:
    """ViT-AC with its keys and values dropped after every step."""
    predictor = build("vit_ac", setting, setting.size.depth)

    def roll(latent: Tensor, actions: Tensor, horizon: int) -> Tensor:
        state, predictions = predictor.initial(len(latent)), []
        for step in range(horizon):
            latent, state = predictor.predict(state, latent, actions[:, step : step + 1])
            state = predictor.refresh(state)
            predictions.append(latent)
        return torch.cat(predictions, 1)

    return roll


ROLLOUTS: dict[str, Callable[[Setting], Roll]] = {
    NAMES["plain"]: roll_plain,
    UNCACHED: roll_uncached,
    CACHED: partial(roll_cached, name="vit_ac"),
    NAMES["hope"]: partial(roll_cached, name="hope"),
}


def growth(setting: Setting, name: str, steps: int) -> Repeat:
    """Forward and backward of a predictor with one block on a clip of `steps` steps."""
    steps //= setting.size.shortening
    latents, actions = clip(setting, steps)
    if name == "plain":
        plain = build_plain(setting, 1, steps)
        return forward_backward(setting, plain, lambda x: plain(x, actions), latents)
    predictor = build(name, setting, 1)

    def predict(x: Tensor) -> Tensor:
        return predictor.predict(predictor.initial(len(x)), x, actions)[0]

    return forward_backward(setting, predictor, predict, latents)


def _growths(name: str, lengths: tuple[int, ...], targets: dict[int, float]) -> list[Contestant]:
    return [
        Contestant(
            GROWTH,
            f"{NAMES[name]}, T = {steps}",
            f"{NAMES[name]}, T = {LENGTHS[0]}",
            partial(growth, name=name, steps=steps),
            targets.get(steps),
        )
        for steps in lengths
    ]


STEP_TARGETS = {"plain": None, "vit_ac": 0.67, "hope": 0.9}


def contestants() -> list[Contestant]:
    """Plain formulation, ViT-AC and HOPE."""
    rollout_targets = dict.fromkeys(ROLLOUTS) | {CACHED: 1 / 3}
    return [
        *(
            Contestant(STEP, NAMES[n], NAMES["plain"], partial(training_step, name=n), target)
            for n, target in STEP_TARGETS.items()
        ),
        *(
            Contestant(
                STEP,
                f"{NAMES[n]}, linear layers by MKL",
                NAMES["plain"],
                partial(training_step, name=n, one_dnn=False),
                None,
            )
            for n in ("vit_ac", "hope")
        ),
        *(
            Contestant(ROLLOUT, name, UNCACHED, partial(rollout, name=name), target)
            for name, target in rollout_targets.items()
        ),
        # The plain mask of 64 steps has 16,448^2 entries, 1 GB as the numbers that attention adds.
        *_growths("plain", LENGTHS[:-1], {}),
        *_growths("vit_ac", LENGTHS, {}),
        *_growths("hope", LENGTHS, {64: 8.5}),
    ]
