"""Clips as a stream and its probes read them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld.features.dataset import ClipDataset
from hopeworld.models.predictor import standardise

CLIPS_PER_READ = 16


class StreamError(ValueError):
    """A stream that cannot go on."""


@dataclass(frozen=True)
class Clips:
    """Some clips side by side: latents in LayerNorm space, newtons, object patches, metres.

    Latents and actions are on the device of the predictor, all else on the CPU.
    """

    clip: list[int]
    latents: Float[Tensor, "B 8 P D"]
    actions: Float[Tensor, "B 8 2"]
    mask_now: Bool[Tensor, "B 8 P"]
    mask_next: Bool[Tensor, "B 8 P"]
    centre: Float[np.ndarray, "B 8 2"]


def read_clips(data: ClipDataset, positions: Sequence[int] | np.ndarray, device: str) -> Clips:
    """Read clips by their position in the dataset; raises `StreamError` on NaN or Inf."""
    positions = np.asarray(positions)
    latents = standardise(torch.from_numpy(data.latents(positions)).to(device))
    clips = [int(clip) for clip in data.clip[positions]]
    broken = ~torch.isfinite(latents).flatten(1).all(1)
    if broken.any():
        clip = clips[int(broken.nonzero()[0])]
        raise StreamError(f"clip {clip} has NaN or Inf features; encode it again")
    return Clips(
        clips,
        latents,
        torch.from_numpy(data.action[positions]).to(device),
        torch.from_numpy(data.mask_now[positions]),
        torch.from_numpy(data.mask_next[positions]),
        data.centre[positions],
    )


def episode_order(data: ClipDataset, clips: int, order: int, phase: int) -> list[int]:
    """Positions of the first `clips` clips: order 0 as drawn, others permute whole episodes.

    phase: its number in the stream, from 0; phases are permuted apart.
    """
    held = data.episode[:clips]
    episodes = np.unique(held)
    if order:
        episodes = np.random.default_rng((order, phase)).permutation(episodes)
    return [int(index) for episode in episodes for index in np.flatnonzero(held == episode)]


def clips_digest(data: ClipDataset, clips: int) -> str:
    """SHA-256 of all that the first `clips` clips hold."""
    digest = hashlib.sha256()
    for name in ("clip", "episode", "action", "mask_now", "mask_next", "centre"):
        digest.update(np.ascontiguousarray(getattr(data, name)[:clips]).tobytes())
    for first in range(0, clips, CLIPS_PER_READ):
        latents = data.latents(np.arange(first, min(first + CLIPS_PER_READ, clips)))
        digest.update(np.ascontiguousarray(latents).reshape(-1))
    return digest.hexdigest()
