"""Scores on held-out episodes, by region, beside what needs no training.

Episodes run side by side, their clips in order, the state carried unless training is on single
clips alone. Errors are ratios of sums: the sum over the tokens of a region, over all clips, by
their number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld.models import objective
from hopeworld.models.predictor import Predictor
from hopeworld.progress import silent
from hopeworld.schema import REGIONS
from hopeworld.settings import Training
from hopeworld.training.episodes import ClipBatch, Episodes, derangement, read_clips

Scores = dict[tuple[str, str], float]

SKILLS = {
    "skill": "teacher_forcing",
    "skill_zero_action": "zero_action",
    "skill_shuffled_action": "shuffled_action",
}


class Tally:
    """Sums of token errors, and numbers of tokens, by name and region."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], float] = defaultdict(float)
        self._tokens: dict[tuple[str, str], int] = defaultdict(int)

    def add(self, name: str, error: Float[Tensor, "B t P"], objects: Bool[Tensor, "B t P"]) -> None:
        """Add token errors; `objects` marks the object patches."""
        for region, mask in objective.region_masks(objects).items():
            self._sums[name, region] += (error.double() * mask).sum().item()
            self._tokens[name, region] += int(mask.sum().item())

    def means(self) -> Scores:
        """Return the mean error by name and region; NaN for a region without tokens."""
        return {
            at: total / self._tokens[at] if self._tokens[at] else float("nan")
            for at, total in self._sums.items()
        }


@torch.no_grad()
def validate(
    predictor: Predictor,
    episodes: Episodes,
    mean_map: Float[Tensor, "P D"],
    training: Training,
    device: torch.device,
    tell: Callable[[str], None] = silent,
) -> Scores:
    """Return losses by region, and skills over persistence on object patches.

    `mean_map` is the mean latent of the training clips; `tell` hears how far this is. Raises
    ValueError if no clip shows an object patch, since skill is measured there.
    """
    was_training = predictor.training
    predictor.eval()
    tally = Tally()
    actions = _actions(episodes)
    carries = training.single_clip_share < 1
    seen = 0
    for start in range(0, len(episodes.index), training.episodes_per_batch):
        beside = episodes.index[start : start + training.episodes_per_batch]
        states = {name: predictor.initial(len(beside)) for name in actions}
        for indices in beside.T:
            batch = read_clips(episodes.clips, indices, device)
            _add_untrained(tally, batch, mean_map.to(device))
            for name, forces in actions.items():
                given = torch.from_numpy(forces[indices]).to(device)
                with objective.precision(training, device):
                    predicted = _forecast(predictor, states[name], batch, given, name, training)
                if carries:
                    states[name] = predictor.new_clip(predictor.detach(predicted.end))
                _add_forecast(tally, name, predicted, batch, training)
            seen += len(indices)
            tell(f"validation clip {seen}/{episodes.index.size}")
    predictor.train(was_training)
    return _with_skills(tally.means())


def _actions(episodes: Episodes) -> dict[str, np.ndarray]:
    true = episodes.clips.action
    order = episodes.index.reshape(-1)
    shuffled = np.empty_like(true)
    shuffled[order] = true[order[derangement(len(order))]]
    return {
        "teacher_forcing": true,
        "zero_action": np.zeros_like(true),
        "shuffled_action": shuffled,
    }


def _forecast(
    predictor: Predictor,
    state: Any,
    batch: ClipBatch,
    actions: Float[Tensor, "B 8 2"],
    name: str,
    training: Training,
) -> objective.Forecast:
    steps = training.rollout_steps if name == "teacher_forcing" else 1
    return objective.forecast(predictor, state, batch.latents, actions, steps)


def _add_untrained(tally: Tally, batch: ClipBatch, mean_map: Float[Tensor, "P D"]) -> None:
    truth = batch.latents[:, 1:]
    objects = batch.mask_next[:, : objective.TRANSITIONS]
    copied = batch.latents[:, : objective.TRANSITIONS]
    tally.add("persistence", objective.token_error(copied, truth), objects)
    tally.add("mean_map", objective.token_error(mean_map.expand_as(truth), truth), objects)


def _add_forecast(
    tally: Tally, name: str, predicted: objective.Forecast, batch: ClipBatch, training: Training
) -> None:
    error = objective.token_error(predicted.stepwise, batch.latents[:, 1:])
    tally.add(name, error, batch.mask_next[:, : objective.TRANSITIONS])
    if name != "teacher_forcing":
        return
    steps = predicted.rolled.shape[1]
    error = objective.token_error(predicted.rolled, batch.latents[:, 1 : steps + 1])
    objects = objective.rollout_mask(batch.mask_now, steps)
    counted = slice(-1, None) if training.rollout_loss == "final" else slice(None)
    tally.add("rollout", error[:, counted], objects[:, counted])


def _with_skills(scores: Scores) -> Scores:
    persistence = scores["persistence", "object"]
    if not persistence > 0:
        raise ValueError(
            f"validation: persistence on object patches is {persistence}; "
            "skill needs clips in which a visible object moves"
        )
    loss = {("loss", r): scores["teacher_forcing", r] + scores["rollout", r] for r in REGIONS}
    skills = {(s, "object"): 1 - scores[of, "object"] / persistence for s, of in SKILLS.items()}
    return scores | loss | skills
