"""Forward passes of the frozen encoder over a stream of clips.

Every pass over sequences of one length has the same number of them (the last is filled up), so that
what a sequence yields does not depend on its neighbours. Frames are normalised with the ImageNet
statistics and neither resized nor cropped. On a GPU nothing here waits for the device: frames and
latents go through pinned memory, and whoever reads the latents waits for them.
"""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import nn

from hopeworld.features.sequences import STEPS, Sequence, assemble, kept, split
from hopeworld.settings import TUBELET_FRAMES

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class FrozenEncoder:
    """An encoder and how it is run: the mode, sequences per pass, latents to keep of a clip."""

    model: nn.Module
    mode: str
    batch: int
    steps: int = STEPS


def encode_clips(encoder: FrozenEncoder, clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Turn clips (uint8 [F, H, W, 3]) into latents (float16 [T, P, D]), in order, lazily."""
    return map(assemble, run_passes(encoder, clips))


def run_passes(encoder: FrozenEncoder, clips: Iterable[np.ndarray]) -> Iterator[list[Sequence]]:
    """Encode clips (uint8 [F, H, W, 3]) and yield the sequences of each, in order, lazily.

    A clip is yielded when the passes of all its sequences were started.
    """
    waiting: deque[list[Sequence]] = deque()
    queues: defaultdict[int, list[Sequence]] = defaultdict(list)
    for frames in clips:
        waiting.append(split(frames, encoder.mode, encoder.steps))
        for sequence in dict.fromkeys(waiting[-1]):
            queue = queues[len(sequence.frames)]
            queue.append(sequence)
            if len(queue) == encoder.batch:
                _forward(encoder, queue)
                queue.clear()
        yield from _finished(waiting)
    for queue in filter(None, queues.values()):
        _forward(encoder, queue)
    yield from _finished(waiting)


def _finished(waiting: deque[list[Sequence]]) -> Iterator[list[Sequence]]:
    """Take off the clips whose sequences were all encoded."""
    while waiting and all(sequence.latents is not None for sequence in waiting[0]):
        yield waiting.popleft()


@torch.inference_mode()
def _forward(encoder: FrozenEncoder, sequences: list[Sequence]) -> None:
    """Give sequences of one length their latents, in one pass that is filled up to the batch."""
    weight = next(encoder.model.parameters())
    pixels = _stacked(sequences, encoder.batch, pinned=weight.is_cuda)
    pixels = normalise(pixels.to(weight.device, non_blocking=True))
    tokens = encoder.model(pixels.to(weight.dtype)).last_hidden_state
    steps = len(sequences[0].frames) // TUBELET_FRAMES
    latents = rearrange(tokens, "b (t p) d -> b t p d", t=steps)[: len(sequences)]
    latents, arrived = _to_host(latents[:, kept(encoder.mode, encoder.steps)])
    for sequence, latent in zip(sequences, latents, strict=True):
        sequence.latents, sequence.arrived = latent, arrived


def _stacked(sequences: list[Sequence], batch: int, pinned: bool) -> torch.Tensor:
    """The frames of the sequences, and those of the last again: uint8 [batch, F, H, W, 3]."""
    filled = [s.frames for s in sequences] + [sequences[-1].frames] * (batch - len(sequences))
    shape = (batch, *filled[0].shape)
    pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
    np.stack(filled, out=pixels.numpy())
    return pixels


def _to_host(latents: torch.Tensor) -> tuple[torch.Tensor, torch.cuda.Event | None]:
    """Latents on the host; from a GPU in float16, on their way until the event has happened."""
    if not latents.is_cuda:
        return latents, None
    host = torch.empty(latents.shape, dtype=torch.float16, pin_memory=True)
    host.copy_(latents.half(), non_blocking=True)
    arrived = torch.cuda.Event()
    arrived.record(torch.cuda.current_stream(latents.device))
    return host, arrived


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [B, F, H, W, 3] to float32 [B, F, 3, H, W] with ImageNet mean 0 and deviation 1."""
    mean, std = _statistics(pixels.device)
    return rearrange((pixels.float() / 255.0 - mean) / std, "b f h w c -> b f c h w")


@functools.cache
def _statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation on `device`; a copy to a GPU would make every pass wait."""
    mean, std = (torch.tensor(values, device=device) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean, std
