"""The interface that both predictors obey; training, adaptation and evaluation know nothing else.

Axes: B batch, t new steps, P patches, D feature width, A action. Features and predictions live in
LayerNorm space (`standardise`), actions in newtons. A state is immutable: every call returns a new
one, so a rollout or a probe on a kept state leaves it as it was.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.state import flatten, map_tensors

State = Any
Trace = dict[tuple[int, str, str], list[Tensor]]


class BadInput(ValueError):
    """Features, actions or a state that do not fit the predictor."""


def standardise(latent: Float[Tensor, "*b D"]) -> Float[Tensor, "*b D"]:
    """Affine-free LayerNorm over D (eps 1e-5): the space of inputs, targets, losses and scores."""
    return nn.functional.layer_norm(latent, latent.shape[-1:], eps=1e-5)


class Predictor(nn.Module):
    """Action-conditioned predictor of the next latent.

    Args:
        grid: rows and columns of patches, P = rows * columns.
        feature_width: D of the encoder's latents.
    """

    def __init__(self, grid: tuple[int, int], feature_width: int):
        super().__init__()
        self.grid = grid
        self.feature_width = feature_width
        self.register_buffer("action_scale", torch.ones(()))

    @abstractmethod
    def initial(self, batch: int) -> State:
        """The state before the first step: nothing seen, nothing learnt."""

    @abstractmethod
    def new_clip(self, state: State) -> State:
        """Forget the clip, keep what is carried from clip to clip."""

    def detach(self, state: State) -> State:
        """Cut the state from the graph that made it."""
        return map_tensors(Tensor.detach, state)

    @abstractmethod
    def refresh(self, state: State) -> State:
        """After a parameter update: drop what was computed with the old parameters."""

    def predict(
        self,
        state: State,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], State]:
        """Predict z_{k+1} from each new step z_k and its action; only the new steps are given.

        `trace`, if given, collects the diagnostics of the memories (HOPE only).

        Raises:
            BadInput: features, actions or state that do not fit, or features that are not finite.
        """
        self.check(features, actions)
        if not bool(torch.isfinite(features).all()):
            raise BadInput("features hold NaN or Inf; encode the clips again")
        self.check_state(state, features.shape[0])
        return self.advance(state, features, actions, trace)

    @abstractmethod
    def advance(
        self,
        state: State,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], State]:
        """`predict` for inputs that have been checked."""

    @abstractmethod
    def check_state(self, state: State, batch: int) -> None:
        """Raise `BadInput` for a state of another model, batch or grid."""

    @abstractmethod
    def observe(
        self,
        state: State,
        prediction: Float[Tensor, "B P D"],
        truth: Float[Tensor, "B P D"],
    ) -> State:
        """Learn online from the latent that has now been observed (CMS look-back)."""

    def taught(self, before: State, after: State) -> State:
        """`before` with what `after` has learnt by observing; the clip stays where it was."""
        return before

    def no_decay(self) -> set[str]:
        """Names of parameters without weight decay, beside biases and 1-D parameters."""
        return set()

    def rollout(
        self,
        state: State,
        features: Float[Tensor, "B 1 P D"],
        actions: Float[Tensor, "B h A"],
        horizon: int,
    ) -> Float[Tensor, "B h P D"]:
        """Predict `horizon` steps on the model's own predictions; the given state is not changed.

        Raises:
            BadInput: the rollout is longer than its actions, or shapes do not fit. Features may be
                NaN: a model that has diverged is measured, not refused.
        """
        if actions.shape[1] < horizon:
            raise BadInput(
                f"rollout: horizon {horizon} is longer than the {actions.shape[1]} actions given; "
                "give one action per step"
            )
        self.check(features, actions[:, :1])
        self.check_state(state, features.shape[0])
        latent, predictions = features, []
        for step in range(horizon):
            latent, state = self.advance(state, latent, actions[:, step : step + 1])
            predictions.append(latent)
        return torch.cat(predictions, 1) if predictions else features[:, :0]

    def check(self, features: Tensor, actions: Tensor) -> None:
        """Raise `BadInput` unless features are [B, t, P, D] and actions [B, t, 2]."""
        patches = self.grid[0] * self.grid[1]
        wanted = (patches, self.feature_width)
        if features.ndim != 4 or tuple(features.shape[2:]) != wanted:
            raise BadInput(
                f"features have shape {tuple(features.shape)}, wanted [B, t, {patches}, "
                f"{self.feature_width}]; encode the clips at the image size of this model"
            )
        if actions.shape != (*features.shape[:2], 2):
            raise BadInput(
                f"actions have shape {tuple(actions.shape)}, wanted "
                f"{(*features.shape[:2], 2)}: one force (x, y) per step"
            )


def require_shapes(state: State, like: State) -> None:
    """Raise `BadInput` unless a state has the parts of `like`; lengths of 0 there are free."""
    found, wanted = flatten(state), flatten(like)
    if type(state) is not type(like) or not wanted.keys() <= found.keys():
        raise BadInput("state is not one of this model; start from initial()")
    for name, tensor in wanted.items():
        if not isinstance(tensor, Tensor):
            continue
        pairs = zip(found[name].shape, tensor.shape, strict=True)
        if any(length != fits for length, fits in pairs if fits):
            raise BadInput(
                f"state: {name} has shape {tuple(found[name].shape)}, wanted "
                f"{tuple(tensor.shape)}: it is of another model, batch or grid; "
                "start from initial()"
            )


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Meta's initialisation: Linear weights normal(0.02), biases 0 (ac_predictor.py)."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.02, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def parameter_count(module: nn.Module) -> int:
    """Number of trainable scalars."""
    return sum(p.numel() for p in module.parameters())
