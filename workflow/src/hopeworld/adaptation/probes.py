"""Held-out clips of the domains, scored from what a stream has learnt so far.

Every clip starts from the learner's state. In-clip writes are on, TTA and CMS updates are off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld.adaptation.clips import Clips, read_clips
from hopeworld.adaptation.learner import Learner
from hopeworld.features.dataset import ClipDataset
from hopeworld.models.objective import TRANSITIONS, region_masks, token_error
from hopeworld.progress import silent
from hopeworld.schema import REGIONS

ROWS = {"cpu": 4, "cuda": 64}
"""Clips and streams side by side; few on a CPU, so that what they need stays in the cache."""
KEPT_BYTES = 2**30
"""Above this the latents are read anew at every probe point."""

Means = dict[str, tuple[float, float]]


class Probes:
    """Probe clips by domain, read once if they are few."""

    def __init__(self, clips: Mapping[str, ClipDataset], device: str):
        self._clips, self._device = clips, device
        self._rows = ROWS[torch.device(device).type]
        self._kept: dict[str, list[Clips]] = {}
        self._keeps = sum(_latent_bytes(data) for data in clips.values()) <= KEPT_BYTES

    def score(
        self, learner: Learner, tell: Callable[[str], None] = silent
    ) -> list[dict[str, Means]]:
        """Mean loss and persistence by stream, domain and region: ratios of sums over the clips.

        `tell` hears how far this is.
        """
        by_domain = {domain: self._score(learner, domain, tell) for domain in self._clips}
        return [{d: means[s] for d, means in by_domain.items()} for s in range(learner.streams)]

    def _score(self, learner: Learner, domain: str, tell: Callable[[str], None]) -> list[Means]:
        seen, total = 0, len(self._clips[domain])
        totals = {region: np.zeros((3, learner.streams)) for region in REGIONS}
        for clips in self._batches(domain, max(1, self._rows // learner.streams)):
            inputs = clips.latents[:, :TRANSITIONS], clips.actions[:, :TRANSITIONS]
            truth = clips.latents[:, 1 : TRANSITIONS + 1]
            loss = token_error(learner.forecast(*inputs), truth).cpu()
            still = token_error(inputs[0], truth).cpu()
            for region, chosen in region_masks(clips.mask_next[:, :TRANSITIONS]).items():
                totals[region] += _sums(loss, still, chosen)
            seen += len(still)
            tell(f"probe {domain}, clip {seen}/{total}")
        # NaN for a region without a patch.
        with np.errstate(invalid="ignore"):
            means = {region: sums[:2] / sums[2] for region, sums in totals.items()}
        return [{r: tuple(mean[:, s]) for r, mean in means.items()} for s in range(learner.streams)]

    def _batches(self, domain: str, size: int) -> Iterator[Clips]:
        if domain in self._kept:
            yield from self._kept[domain]
            return
        kept = []
        data = self._clips[domain]
        for first in range(0, len(data), size):
            clips = read_clips(data, np.arange(first, min(first + size, len(data))), self._device)
            if self._keeps:
                kept.append(clips)
            yield clips
        if self._keeps:
            self._kept[domain] = kept


def _latent_bytes(data: ClipDataset) -> int:
    return 4 * data.mask_now.size * data.feature_width


def _sums(
    loss: Float[Tensor, "S n t P"], still: Float[Tensor, "n t P"], chosen: Bool[Tensor, "n t P"]
) -> Float[np.ndarray, "3 S"]:
    """Sums over the chosen patches: loss, persistence, and how many."""
    by_stream = loss[:, chosen].double().sum(1).numpy()
    shared = float(still[chosen].double().sum()), int(chosen.sum())
    return np.stack([by_stream, *(np.full(len(by_stream), value) for value in shared)])
