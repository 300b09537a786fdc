"""When a learner drops all that it has learnt.

    never         at no clip
    per_clip      after every clip
    every         after every `reset_every` clips
    on_recovery   after a clip at which the running mean of L_k / L0_k exceeds a ratio
    at_change     before the first clip of every phase but the first: it knows the phases

L0 is the loss of the frozen model on the same clip, which runs beside; both are means over all
patches, for a learner has no mask of the object. The running mean starts, and starts again, at 1.
A probe sees what the next clip would start with, so it comes after a reset of its clip and before
that of a change, which it cannot know of.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from hopeworld.adaptation.clips import Clips
from hopeworld.models.objective import TRANSITIONS, token_error
from hopeworld.models.predictor import Predictor
from hopeworld.settings import Adaptation, Method


class Resets:
    """Decides, clip by clip, for S streams.

    Args:
        predictor: as trained; copied where the policy needs the frozen model.

    Attributes:
        ratios: the running mean of L_k / L0_k of each stream.
    """

    def __init__(self, predictor: Predictor, method: Method, settings: Adaptation, streams: int):
        self.policy, self.settings = method.reset, settings
        self.ratios = [1.0] * streams
        self._frozen = copy.deepcopy(predictor).eval() if self.policy == "on_recovery" else None

    def before(self, is_change: bool) -> bool:
        """Whether all streams are reset before a clip; `is_change`: the first of a later phase."""
        return self.policy == "at_change" and is_change

    def after(self, k: int, clips: Clips, losses: Float[Tensor, "S"]) -> list[int]:
        """The streams that are reset after clip k, counted from 0, of these mean losses."""
        everyone = list(range(len(self.ratios)))
        if self.policy == "per_clip":
            return everyone
        if self.policy == "every":
            return everyone if (k + 1) % self.settings.reset_every == 0 else []
        if self.policy == "on_recovery":
            return self._recovering(clips, losses)
        return []

    def _recovering(self, clips: Clips, losses: Float[Tensor, "S"]) -> list[int]:
        memory, now = self.settings.recovery_memory, (losses / self._frozen_losses(clips)).tolist()
        self.ratios = [
            memory * old + (1 - memory) * new for old, new in zip(self.ratios, now, strict=True)
        ]
        # A loss that is not finite is no recovery: NaN is not below the ratio.
        limit = self.settings.recovery_ratio
        due = [s for s, ratio in enumerate(self.ratios) if not ratio <= limit]
        for stream in due:
            self.ratios[stream] = 1.0
        return due

    @torch.no_grad()
    def _frozen_losses(self, clips: Clips) -> Float[Tensor, "S"]:
        features, actions = clips.latents[:, :TRANSITIONS], clips.actions[:, :TRANSITIONS]
        start = self._frozen.initial(len(features))
        predictions, _ = self._frozen.predict(start, features, actions)
        truth = clips.latents[:, 1 : TRANSITIONS + 1]
        return token_error(predictions, truth).mean((1, 2)).double().cpu()
