"""Teacher forcing and rollout, as L1 in LayerNorm space.

    teacher forcing   mean over k of |P(z_<=k, a_<=k) - z_{k+1}|
    rollout           from z_0, on the model's own predictions; steps 1 ... n, or step n alone

The objective of V-JEPA 2-AC (Assran et al. 2025, equations 2 to 4). The first step of the rollout
is the first step of teacher forcing: it is computed once, with its gradient.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld import settings
from hopeworld.models.predictor import Predictor

TRANSITIONS = settings.CLIP_FRAMES // settings.TUBELET_FRAMES - 1


@dataclass(frozen=True)
class Forecast:
    """Standardised predictions of one clip, and the state after its last transition."""

    stepwise: Float[Tensor, "B 7 P D"]
    rolled: Float[Tensor, "B n P D"]
    end: Any


@dataclass(frozen=True)
class Losses:
    """The two parts of the objective, scalars with gradient."""

    teacher_forcing: Float[Tensor, ""]
    rollout: Float[Tensor, ""]

    @property
    def total(self) -> Float[Tensor, ""]:
        """Their sum."""
        return self.teacher_forcing + self.rollout


def forecast(
    predictor: Predictor,
    state: Any,
    latents: Float[Tensor, "B 8 P D"],
    actions: Float[Tensor, "B 8 2"],
    rollout_steps: int,
) -> Forecast:
    """Predict z_1 ... z_7 step by step, and roll out z_1 ... z_n from z_0 alone.

    `latents` are standardised, `actions` newtons, `rollout_steps` n = 1 ... 7.
    """
    first, after = predictor.predict(state, latents[:, :1], actions[:, :1])
    rest, end = predictor.predict(after, latents[:, 1:TRANSITIONS], actions[:, 1:TRANSITIONS])
    rolled = first
    if rollout_steps > 1:
        later = predictor.rollout(after, first, actions[:, 1:rollout_steps], rollout_steps - 1)
        rolled = torch.cat([first, later], dim=1)
    return Forecast(torch.cat([first, rest], dim=1), rolled, end)


def losses(predicted: Forecast, latents: Float[Tensor, "B 8 P D"], rollout_loss: str) -> Losses:
    """Mean absolute errors of a forecast, over all patches; `rollout_loss` is mean or final."""
    steps = predicted.rolled.shape[1]
    rollout = token_error(predicted.rolled, latents[:, 1 : steps + 1])
    if rollout_loss == "final":
        rollout = rollout[:, -1:]
    stepwise = token_error(predicted.stepwise, latents[:, 1 : TRANSITIONS + 1])
    return Losses(stepwise.mean(), rollout.mean())


def token_error(
    prediction: Float[Tensor, "B t P D"], truth: Float[Tensor, "B t P D"]
) -> Float[Tensor, "B t P"]:
    """Mean absolute error of each token over the feature width, in float32."""
    return (prediction.float() - truth).abs().mean(dim=-1)


def region_masks(objects: Bool[Tensor, "*b P"]) -> dict[str, Bool[Tensor, "*b P"]]:
    """The patches of each region of `schema.REGIONS`, from those that the object touches."""
    return {"object": objects, "background": ~objects, "all": torch.ones_like(objects)}


def rollout_mask(mask_now: Bool[Tensor, "B 8 P"], steps: int) -> Bool[Tensor, "B n P"]:
    """Object patches of a rollout from z_0 at horizons 1 ... n: there at 0 or at the horizon."""
    return mask_now[:, :1] | mask_now[:, 1 : steps + 1]


def precision(training: settings.Training, device: torch.device) -> AbstractContextManager:
    """Return the autocast context: bfloat16 where it is asked for and the device is a GPU."""
    if training.autocast == "bfloat16" and device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
