"""Short streams of in-memory clips for the small predictors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hopeworld.adaptation.contestants import save_closed_form
from hopeworld.adaptation.job import Phase, StreamJob
from hopeworld.adaptation.run import play_stream
from hopeworld.models.closed_form import ClosedFormPredictor, build_closed_form
from hopeworld.models.predictor import Predictor
from hopeworld.settings import CLOSED_FORM, Adaptation, ClosedForm, Method
from hopeworld.trained import Metadata, save_weights
from tests.small_models import GRID, PATCHES, SETTINGS, WIDTH, small

FROZEN_VIT = Method("vit_ac", "none", 0.0, "never", 0.0, "vit_frozen")
FROZEN_HOPE = Method("hope", "none", 0.0, "per_clip", 0.0, "hope_frozen")
VIT_TTA = replace(FROZEN_VIT, adapt="layer_norm", learning_rate=1e-2)
CARRIED_HOPE = replace(FROZEN_HOPE, reset="never", look_back_rate=1.0)
METHODS = {
    "vit_frozen": FROZEN_VIT,
    "vit_tta": VIT_TTA,
    "vit_action_tta": replace(VIT_TTA, adapt="action_encoder"),
    "vit_force_scale": replace(VIT_TTA, adapt="force_scale"),
    "vit_full": replace(VIT_TTA, adapt="all", learning_rate=1e-3),
    "hope_frozen": FROZEN_HOPE,
    "hope_per_clip": replace(CARRIED_HOPE, reset="per_clip"),
    "hope": CARRIED_HOPE,
    "hope_tta": replace(CARRIED_HOPE, adapt="layer_norm", learning_rate=1e-2),
    "mean_map": Method("mean_map", "none", 0.0, "never", 0.0, "mean_map"),
    "linear_extrapolation": Method(
        "linear_extrapolation", "none", 0.0, "never", 0.0, "linear_extrapolation"
    ),
}
SETTINGS_OF_STREAMS = Adaptation(
    clip_norm=1.0,
    delay_steps=0,
    reset_every=3,
    recovery_ratio=1.05,
    recovery_memory=0.5,
    probe_every=2,
    diagnose_every=2,
    checkpoint_clips=3,
    contestants=tuple(METHODS),
    methods=METHODS,
    runs=("main",),
    streams={},
    rates="given",
    tuning={},
    tuning_seeds=(),
)


class SmallClips:
    """In-memory stand-in for `ClipDataset`: random latents that an action moves."""

    grid, feature_width = GRID, WIDTH

    def __init__(self, count: int, seed: int):
        draw = np.random.default_rng(seed)
        self._latents = draw.normal(size=(count, 8, PATCHES, WIDTH)).astype(np.float32)
        self.action = draw.normal(size=(count, 8, 2)).astype(np.float32)
        self.mask_now = draw.random((count, 8, PATCHES)) < 0.3
        self.mask_now[:, :, 0] = True
        self.mask_next = self.mask_now | np.roll(self.mask_now, -1, axis=1)
        self.centre = draw.normal(size=(count, 8, 2)).astype(np.float32)
        self.episode = np.arange(count) // 2
        self.clip = np.arange(count) + 100 * seed

    def __len__(self) -> int:
        return len(self.clip)

    def latents(self, indices) -> np.ndarray:
        return self._latents[np.asarray(indices)].copy()


def predictor_of(model: str) -> Predictor | ClosedFormPredictor:
    """A small predictor as trained."""
    if model not in CLOSED_FORM:
        return small(model)
    predictor = build_closed_form(ClosedForm(model), GRID, WIDTH)
    for name, buffer in predictor.named_buffers():
        if name == "mean_map":
            buffer.normal_(generator=torch.Generator().manual_seed(0))
    return predictor


def write_weights(path: Path, model: str) -> Path:
    """The weights file of a small predictor."""
    predictor = predictor_of(model)
    if model in CLOSED_FORM:
        save_closed_form(path, predictor, {})
    else:
        about = Metadata(model, SETTINGS[model], 0, 0, GRID, WIDTH, {})
        save_weights(path, predictor.state_dict(), about)
    return path


def phases(*clips: int) -> tuple[Phase, ...]:
    """A1, B, A2 of so many clips each, the splits two clips longer."""
    names = ("A1", "B", "A2", "B2")
    return tuple(
        Phase(name, SmallClips(count + 2, 1 + number), count)
        for number, (name, count) in enumerate(zip(names, clips, strict=False))
    )


def stream_job(name: str, weights: Path, **changes) -> StreamJob:
    """A job over 4 + 4 + 2 clips with probes of 2 + 2, every 2 clips."""
    job = StreamJob(
        stream="main",
        name=name,
        method=METHODS[name],
        settings=SETTINGS_OF_STREAMS,
        seed=0,
        orders=(0,),
        weights=weights,
        phases=phases(4, 4, 2),
        probes={"A": SmallClips(2, 4), "B": SmallClips(2, 5)},
        device="cpu",
    )
    return replace(job, **changes)


def play(folder: Path, name: str, **changes) -> dict[str, pd.DataFrame]:
    """The tables of a job."""
    weights = folder / f"{METHODS[name].model}.safetensors"
    if not weights.exists():
        write_weights(weights, METHODS[name].model)
    return play_stream(stream_job(name, weights, **changes))
