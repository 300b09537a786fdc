"""A tiny world, a tiny predictor and a tiny job: training in a second."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn

from hopeworld import checks, settings
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import Predictor, standardise
from hopeworld.training.episodes import survey
from hopeworld.training.job import ClipFiles, Data, TrainJob, TrainOutputs

GRID = (3, 4)
WIDTH = 16
CLIPS_PER_EPISODE = 4


class TinyClips:
    """An object of one row that stays; the action of a transition sets its colour after it."""

    def __init__(self, episodes: int, seed: int):
        count, steps = episodes * CLIPS_PER_EPISODE, 8
        world, draw = np.random.default_rng(0), np.random.default_rng([1, seed])
        patches = GRID[0] * GRID[1]
        push = draw.choice([-1.0, 1.0], (count, steps)) * draw.uniform(11.0, 13.0, (count, 1))
        self.action = np.stack([push, np.zeros_like(push)], axis=2).astype(np.float32)
        row = draw.integers(0, GRID[0], (count, 1, 1))
        covered = np.arange(patches) // GRID[1] == row
        self.mask_now = np.broadcast_to(covered, (count, steps, patches)).copy()
        self.mask_next = self.mask_now
        ground = world.normal(size=(patches, WIDTH))
        colours = 3 * world.normal(size=(2, WIDTH))
        body = colours[(np.roll(push, 1, axis=1) > 0).astype(int)]
        shown = np.where(self.mask_now[..., None], body[:, :, None], ground)
        self._latents = shown.astype(np.float32)
        self.episode = np.repeat(np.arange(episodes), CLIPS_PER_EPISODE)
        self.clip = np.arange(count)
        self.grid, self.feature_width = GRID, WIDTH
        self.origin = {"weights": "random", "mode": "tubelet", "dtype": "float32"}

    def __len__(self) -> int:
        return len(self.clip)

    def latents(self, indices: np.ndarray) -> np.ndarray:
        return self._latents[indices]


@dataclass(frozen=True)
class TinyState:
    """What the tiny predictor carries from clip to clip, and its steps in this clip."""

    carried: torch.Tensor
    steps: int


class TinyPredictor(Predictor):
    """A linear predictor with one carried mean and one dropout, so that random state matters."""

    def __init__(self, seed: int):
        super().__init__(GRID, WIDTH)
        generator = torch.Generator().manual_seed(seed)
        self.from_latent = nn.Linear(WIDTH, WIDTH)
        self.from_action = nn.Linear(2, WIDTH)
        self.carry = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        self.dropout = nn.Dropout(0.1)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.1, generator=generator)

    def initial(self, batch):
        return TinyState(torch.zeros(batch, WIDTH), 0)

    def new_clip(self, state):
        return TinyState(state.carried, 0)

    def detach(self, state):
        return TinyState(state.carried.detach(), state.steps)

    def refresh(self, state):
        return state

    def check_state(self, state, batch):
        assert len(state.carried) == batch

    def observe(self, state, prediction, truth):
        return state

    def no_decay(self):
        return {"carry"}

    def advance(self, state, features, actions, trace=None):
        carried, outputs = state.carried, []
        for step in range(features.shape[1]):
            carried = 0.9 * carried + 0.1 * features[:, step].mean(dim=1)
            force = self.from_action(actions[:, step] / self.action_scale)
            context = force + carried @ self.carry
            update = self.dropout(self.from_latent(features[:, step])) + context[:, None]
            outputs.append(standardise(features[:, step] + update))
        return torch.stack(outputs, dim=1), TinyState(carried, state.steps + features.shape[1])


def tiny_models() -> settings.Models:
    """Both predictors of the default study, as small as they get."""
    config = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())
    models = checks.parse(config).models
    vit_ac = dataclasses.replace(models.vit_ac, depth=1, width=24, heads=2)
    hope = dataclasses.replace(models.hope, depth=1, width=24, heads=2, cms_hidden=24)
    return settings.Models(vit_ac, hope)


def tiny_training(**changes) -> settings.Training:
    """Ten steps over episodes of four clips; validations fall inside episodes."""
    training = settings.Training(
        domains=("A",),
        match="",
        steps=10,
        episodes_per_batch=2,
        learning_rate=1.0e-2,
        warmup_share=0.2,
        decay_share=0.4,
        weight_decay=0.04,
        clip_norm=1.0,
        rollout_loss="mean",
        rollout_steps=2,
        single_clip_share=0.0,
        evaluate_every=3,
        autocast="off",
        gate_skill=0.2,
        gate_action_share=0.25,
    )
    return dataclasses.replace(training, **changes)


def tiny_job(folder: Path, model: str, training: settings.Training, seed: int = 0) -> TrainJob:
    """A job that writes into `folder`."""
    return TrainJob(
        model=model,
        settings=getattr(tiny_models(), model),
        training=training,
        seed=seed,
        train=ClipFiles(()),
        validation=ClipFiles(()),
        outputs=TrainOutputs(
            folder / "weights.safetensors",
            folder / "last.safetensors",
            folder / "history.parquet",
            folder / "gate.json",
        ),
        target=None,
        checkpoint=folder / "checkpoint",
        device="cpu",
        code="0",
        log=io.StringIO(),
    )


def tiny_data() -> Data:
    """Six training and three validation episodes."""
    return Data(survey(TinyClips(6, seed=0)), survey(TinyClips(3, seed=1)))


def tiny_predictor(model: str, seed: int = 0) -> Predictor:
    """The predictor of a job: `vit_ac`, `hope`, or `tiny` for the linear one."""
    if model == "tiny":
        return TinyPredictor(seed)
    return build_predictor(getattr(tiny_models(), model), GRID, WIDTH, seed)
