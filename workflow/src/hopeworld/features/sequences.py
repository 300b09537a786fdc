"""What goes through the encoder together, by mode.

The encoder attends in both directions of time, so a latent knows all the frames of its sequence.

- `tubelet`: each pair of frames alone. Byte-identical pairs of a clip (an object at rest) share one
  sequence. Causal; nothing of the past either.
- `prefix`: for every latent the frames up to its own, of which the last step is kept. Causal, with
  the past; T (T + 1) / 2 steps are encoded for T that are kept.
- `clip`: the 16 frames in one pass, as published. Every latent knows the future.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange

from hopeworld.settings import CLIP_FRAMES, TUBELET_FRAMES

STEPS = CLIP_FRAMES // TUBELET_FRAMES


@dataclass(eq=False)
class Sequence:
    """Frames that are encoded together, and their latents once that is done.

    Attributes:
        frames: uint8 [F, H, W, 3].
        latents: [t, P, D], the steps that are kept, on the host.
        arrived: on a GPU, what to wait for before `latents` are read.
    """

    frames: np.ndarray
    latents: torch.Tensor | None = None
    arrived: torch.cuda.Event | None = None


def split(frames: np.ndarray, mode: str, steps: int) -> list[Sequence]:
    """Cut a clip, uint8 [16, H, W, 3], into sequences whose kept latents are its first `steps`.

    In order; one that serves several steps is the same object at each of them.
    """
    if mode == "clip":
        return [Sequence(frames)]
    if mode == "prefix":
        return [Sequence(frames[: TUBELET_FRAMES * t]) for t in range(1, steps + 1)]
    pairs = rearrange(frames, "(t two) h w c -> t two h w c", two=TUBELET_FRAMES)[:steps]
    distinct: dict[bytes, Sequence] = {}
    return [distinct.setdefault(pair.tobytes(), Sequence(pair)) for pair in pairs]


def kept(mode: str, steps: int) -> slice:
    """The steps of a sequence's own latents that `split` means."""
    return {"tubelet": slice(1), "prefix": slice(-1, None), "clip": slice(steps)}[mode]


def longest(mode: str, steps: int) -> int:
    """Frames of the longest sequence."""
    return {"tubelet": TUBELET_FRAMES, "prefix": TUBELET_FRAMES * steps, "clip": CLIP_FRAMES}[mode]


def assemble(sequences: list[Sequence]) -> np.ndarray:
    """Join the latents of one clip, in the order of `split`: float16 [T, P, D]."""
    for sequence in sequences:
        if sequence.arrived is not None:
            sequence.arrived.synchronize()
    return torch.cat([sequence.latents for sequence in sequences]).half().numpy()
