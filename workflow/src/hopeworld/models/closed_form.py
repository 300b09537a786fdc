"""Controls that are formulas: no training, nothing learnt online, the interface of the others.

    mean_map              E_A[z_{t+1, p}], the mean latent of the training clips by step and patch
    linear_extrapolation  LN(2 z_t - z_{t-1}) with the affine-free LayerNorm; z_0 at t = 0

Their files are written and read by adaptation/contestants.py: training knows nothing of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hopeworld.features.dataset import ClipDataset
from hopeworld.models.predictor import (
    BadInput,
    Predictor,
    Trace,
    require_shapes,
    standardise,
)
from hopeworld.progress import Progress
from hopeworld.settings import CLIP_FRAMES, TUBELET_FRAMES, ClosedForm

STEPS = CLIP_FRAMES // TUBELET_FRAMES
CLIPS_PER_READ = 16


@dataclass(frozen=True)
class ClosedFormState:
    """The last latent seen, none at the start of a clip, and the steps seen."""

    last: Float[Tensor, "B n P D"]
    time: int


class ClosedFormPredictor(Predictor):
    """A predictor without parameters."""

    def __init__(self, settings: ClosedForm, grid: tuple[int, int], feature_width: int):
        super().__init__(grid, feature_width)
        self.settings = settings

    def initial(self, batch: int) -> ClosedFormState:
        """Nothing seen yet."""
        shape = batch, 0, self.grid[0] * self.grid[1], self.feature_width
        return ClosedFormState(self.action_scale.new_zeros(shape), 0)

    def new_clip(self, state: ClosedFormState) -> ClosedFormState:
        """A formula carries nothing from clip to clip."""
        return ClosedFormState(state.last[:, :0], 0)

    def refresh(self, state: ClosedFormState) -> ClosedFormState:
        """There are no parameters that change."""
        return state

    def observe(self, state: ClosedFormState, prediction: Tensor, truth: Tensor) -> ClosedFormState:
        """A formula learns nothing."""
        return state

    def check_state(self, state: ClosedFormState, batch: int) -> None:
        """Raise `BadInput` for a state of another model, batch or grid."""
        if not isinstance(state, ClosedFormState):
            raise BadInput("state is not one of this model; start from initial()")
        require_shapes(state, self.initial(batch))

    def advance(
        self,
        state: ClosedFormState,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], ClosedFormState]:
        """Apply the formula to the new steps (see `Predictor.predict`)."""
        seen = torch.cat((state.last, features), 1)
        prediction = self.formula(seen, state.time, features.shape[1])
        return prediction, ClosedFormState(seen[:, -1:], state.time + features.shape[1])

    def formula(
        self, seen: Float[Tensor, "B n P D"], time: int, steps: int
    ) -> Float[Tensor, "B t P D"]:
        """Predictions that follow the last `steps` of the latents seen, the first at `time`."""
        raise NotImplementedError


class MeanMap(ClosedFormPredictor):
    """The mean latent of the step that comes; after the last step of a clip, that of the last."""

    def __init__(self, settings: ClosedForm, grid: tuple[int, int], feature_width: int):
        super().__init__(settings, grid, feature_width)
        shape = STEPS, grid[0] * grid[1], feature_width
        self.register_buffer("mean_map", torch.zeros(shape))

    def formula(
        self, seen: Float[Tensor, "B n P D"], time: int, steps: int
    ) -> Float[Tensor, "B t P D"]:
        """The map of steps time + 1, ..., time + steps."""
        wanted = [min(time + step, STEPS - 1) for step in range(1, steps + 1)]
        return self.mean_map[wanted].expand(len(seen), -1, -1, -1)


class LinearExtrapolation(ClosedFormPredictor):
    """Every latent moves on as it has just moved."""

    def formula(
        self, seen: Float[Tensor, "B n P D"], time: int, steps: int
    ) -> Float[Tensor, "B t P D"]:
        """LN(2 z_t - z_{t-1}); the first latent of a clip is copied."""
        if seen.shape[1] == steps:
            seen = torch.cat((seen[:, :1], seen), 1)
            moved = standardise(2 * seen[:, 1:] - seen[:, :-1])
            return torch.cat((seen[:, :1], moved[:, 1:]), 1)
        return standardise(2 * seen[:, 1:] - seen[:, :-1])


KINDS = {"mean_map": MeanMap, "linear_extrapolation": LinearExtrapolation}


def build_closed_form(
    settings: ClosedForm, grid: tuple[int, int], feature_width: int
) -> ClosedFormPredictor:
    """Build the formula that the settings name; the mean map is still zero."""
    return KINDS[settings.kind](settings, grid, feature_width).eval()


def fit_closed_form(settings: ClosedForm, clips: ClipDataset) -> ClosedFormPredictor:
    """Build a formula, and average the standardised latents of the training clips for it."""
    predictor = build_closed_form(settings, clips.grid, clips.feature_width)
    if isinstance(predictor, MeanMap):
        predictor.mean_map.copy_(mean_by_step(clips))
    return predictor


def mean_by_step(clips: ClipDataset) -> Float[Tensor, "T P D"]:
    """Mean standardised latent of every step and patch, summed in float64."""
    total, progress = torch.zeros(()), Progress("mean map", len(clips), "clips")
    for first in range(0, len(clips), CLIPS_PER_READ):
        latents = clips.latents(np.arange(first, min(first + CLIPS_PER_READ, len(clips))))
        total = total + standardise(torch.from_numpy(latents)).double().sum(0)
        progress.count(len(latents))
    return (total / len(clips)).float()
