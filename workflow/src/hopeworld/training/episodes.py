"""Clips in episodes: their order in training, and what is read of them.

The order depends on the seed and the number of the batch alone, so both predictors see the same
clips, and a resumed run needs no more than its step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hopeworld.features.dataset import ClipDataset
from hopeworld.models.predictor import standardise
from hopeworld.progress import Progress

CLIPS_PER_READ = 16


@dataclass(frozen=True)
class Episodes:
    """A split: its clips, their indices by episode, mean latent and a digest of all it holds."""

    clips: ClipDataset
    index: Int[np.ndarray, "E K"]
    mean_map: Float[Tensor, "P D"]
    digest: str

    @property
    def clips_per_episode(self) -> int:
        """Clips of an episode K."""
        return self.index.shape[1]


@dataclass(frozen=True)
class ClipBatch:
    """B clips on a device: standardised latents, actions in newtons, object patches."""

    latents: Float[Tensor, "B 8 P D"]
    actions: Float[Tensor, "B 8 2"]
    mask_now: Bool[Tensor, "B 8 P"]
    mask_next: Bool[Tensor, "B 8 P"]


def survey(clips: ClipDataset) -> Episodes:
    """Read a split once: group its episodes, average its latents, take its digest."""
    digest = hashlib.sha256(json.dumps([list(clips.grid), clips.origin], sort_keys=True).encode())
    for array in (clips.episode, clips.clip, clips.action, clips.mask_now, clips.mask_next):
        digest.update(np.ascontiguousarray(array).tobytes())
    index = group_episodes(clips.episode, clips.clip)
    total = torch.zeros(clips.mask_now.shape[2], clips.feature_width, dtype=torch.float64)
    progress = Progress("reading the clips", len(clips), "clips")
    for start in range(0, len(clips), CLIPS_PER_READ):
        latents = clips.latents(np.arange(start, min(start + CLIPS_PER_READ, len(clips))))
        digest.update(np.ascontiguousarray(latents).reshape(-1))
        total += standardise(torch.from_numpy(latents)).double().sum(dim=(0, 1))
        progress.count(len(latents))
    mean_map = total / (len(clips) * clips.action.shape[1])
    return Episodes(clips, index, mean_map.float(), digest.hexdigest())


def group_episodes(
    episode: Int[np.ndarray, " N"], clip: Int[np.ndarray, " N"]
) -> Int[np.ndarray, "E K"]:
    """Return the positions of the clips of each episode, in the order of the clips.

    Raises ValueError where episodes differ in length, for then they cannot run side by side.
    """
    names, counts = np.unique(episode, return_counts=True)
    if len(names) == 0:
        raise ValueError("no clips in the split: give it at least one episode")
    if counts.min() != counts.max():
        short = names[counts.argmin()]
        raise ValueError(
            f"episode {short} has {counts.min()} clips, another has {counts.max()}: "
            "pass every shard of the split"
        )
    return np.lexsort((clip, episode)).reshape(len(names), -1)


def draw_episodes(seed: int, batch: int, episodes: int, size: int) -> Int[np.ndarray, " size"]:
    """Return the episodes of a batch, from 0: every epoch is a new permutation, its rest left out.

    Raises ValueError if fewer than `size` episodes are there.
    """
    if size > episodes:
        raise ValueError(f"episodes_per_batch = {size}, but training has {episodes} episodes")
    epoch, place = divmod(batch, episodes // size)
    order = np.random.default_rng([seed, epoch]).permutation(episodes)
    return order[place * size : (place + 1) * size]


def clip_order(
    seed: int, first: int, last: int, index: Int[np.ndarray, "E K"], size: int
) -> Iterator[Int[np.ndarray, " size"]]:
    """Yield the clips of optimiser steps `first` ... `last` (from 1), one clip position a step."""
    for step in range(first, last + 1):
        batch, position = divmod(step - 1, index.shape[1])
        yield index[draw_episodes(seed, batch, len(index), size), position]


def derangement(count: int) -> Int[np.ndarray, " count"]:
    """Return a fixed permutation that leaves nothing in place: a shift by half.

    Raises ValueError for fewer than two.
    """
    if count < 2:
        raise ValueError(f"{count} validation clip: two are needed to exchange their actions")
    return np.roll(np.arange(count), count // 2)


def read_clips(
    clips: ClipDataset, indices: Int[np.ndarray, " B"], device: torch.device
) -> ClipBatch:
    """Read clips and standardise their latents in float32 on the device."""
    return _to_device(clips, indices, clips.latents(indices), device)


def read_ahead(
    clips: ClipDataset, order: Iterable[Int[np.ndarray, " B"]], device: torch.device
) -> Iterator[ClipBatch]:
    """Yield the batches of `order`; the next is read while this one is in use."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = None
        for indices in order:
            coming = indices, reader.submit(clips.latents, indices)
            if waiting is not None:
                yield _to_device(clips, waiting[0], waiting[1].result(), device)
            waiting = coming
        if waiting is not None:
            yield _to_device(clips, waiting[0], waiting[1].result(), device)


def _to_device(
    clips: ClipDataset, indices: np.ndarray, latents: np.ndarray, device: torch.device
) -> ClipBatch:
    def move(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array[indices]).to(device)

    return ClipBatch(
        standardise(torch.from_numpy(latents).to(device)),
        move(clips.action),
        move(clips.mask_now),
        move(clips.mask_next),
    )
