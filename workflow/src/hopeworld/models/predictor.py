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

    @abstractmethod
    def detach(self, state: State) -> State:
        """Cut the state from the graph that made it."""

    @abstractmethod
    def refresh(self, state: State) -> State:
        """After a parameter update: drop what was computed with the old parameters."""

    @abstractmethod
    def predict(
        self,
        state: State,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], State]:
        """Predict z_{k+1} from each new step z_k and its action; only the new steps are given.

        `trace`, if given, collects the diagnostics of the memories (HOPE only).
        """

    @abstractmethod
    def observe(
        self,
        state: State,
        prediction: Float[Tensor, "B P D"],
        truth: Float[Tensor, "B P D"],
    ) -> State:
        """Learn online from the latent that has now been observed (CMS look-back)."""

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
            BadInput: the rollout is longer than its actions.
        """
        if actions.shape[1] < horizon:
            raise BadInput(
                f"rollout: horizon {horizon} is longer than the {actions.shape[1]} actions given; "
                "give one action per step"
            )
        latent, predictions = features, []
        for step in range(horizon):
            latent, state = self.predict(state, latent, actions[:, step : step + 1])
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
