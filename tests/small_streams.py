"""A short A-B-A stream of in-memory clips for the small predictors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hopeworld.adaptation.protocol import StreamJob
from hopeworld.settings import Adaptation, Method
from tests.small_models import PATCHES, WIDTH

FROZEN_VIT = Method("vit_ac", "none", 0.0, "carry", 0.0, "vit_frozen")
FROZEN_HOPE = Method("hope", "none", 0.0, "per_clip", 0.0, "hope_frozen")
METHODS = {
    "vit_frozen": FROZEN_VIT,
    "vit_tta": replace(FROZEN_VIT, adapt="layer_norm", learning_rate=1e-2),
    "hope_frozen": FROZEN_HOPE,
    "hope": replace(FROZEN_HOPE, scope="carry", look_back_rate=1.0),
}


class SmallClips:
    """In-memory stand-in for `ClipDataset`: random latents that an action moves."""

    def __init__(self, count: int, seed: int):
        draw = np.random.default_rng(seed)
        self._latents = draw.normal(size=(count, 8, PATCHES, WIDTH)).astype(np.float32)
        self.action = draw.normal(size=(count, 8, 2)).astype(np.float32)
        self.mask_now = draw.random((count, 8, PATCHES)) < 0.3
        self.mask_now[:, :, 0] = True
        self.mask_next = self.mask_now | np.roll(self.mask_now, -1, axis=1)
        self.episode = np.arange(count) // 2
        self.clip = np.arange(count) + 100 * seed

    def __len__(self) -> int:
        return len(self.clip)

    def latents(self, indices) -> np.ndarray:
        return self._latents[indices].copy()


def stream_job(name: str, weights: Path, **changes) -> StreamJob:
    """A job over 4 + 4 + 2 clips with probes of 2 + 2, every 2 clips."""
    settings = Adaptation(
        clip_norm=1.0,
        probe_every=2,
        diagnose_every=2,
        contestants=tuple(METHODS),
        methods=METHODS,
        tuning={},
    )
    job = StreamJob(
        name=name,
        method=METHODS[name],
        settings=settings,
        seed=0,
        order=0,
        weights=weights,
        phases=(("A1", SmallClips(4, 1)), ("B", SmallClips(4, 2)), ("A2", SmallClips(2, 3))),
        probes={"A": SmallClips(2, 4), "B": SmallClips(2, 5)},
        device="cpu",
    )
    return replace(job, **changes)
