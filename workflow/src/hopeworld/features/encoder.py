"""Encode a shard of clips with the frozen V-JEPA 2 encoder.

The encoder attends in both directions of time. Mode `tubelet` encodes each pair of frames alone,
so z_t holds frames 2t and 2t + 1 and nothing of the future; identical pairs of a clip (an object
at rest) are encoded once and the result is used for each. Mode `clip` encodes the 16 frames in
one pass, as published, and puts the future into every z_t.

Frames are normalised with the ImageNet statistics and neither resized nor cropped. Every forward
pass has the same number of sequences (the last is filled up), so that what a sequence yields does
not depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from einops import rearrange
from torch import nn

from hopeworld.features.store import ShardHeader, check_disk, is_complete, write_shard
from hopeworld.features.weights import Architecture, load_encoder
from hopeworld.settings import CLIP_FRAMES, TUBELET_FRAMES, Encoder, SettingsError
from hopeworld.simulation.table import digest, read_clip_table
from hopeworld.video.clips import ClipError, clip_path, read_clip

STEPS = CLIP_FRAMES // TUBELET_FRAMES
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
CLIPS_AHEAD = 4
SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True)
class EncodeJob:
    """One feature shard to make."""

    table: Path  # clip table (.h5)
    clips: Path  # folder of its mp4 files, NNNNNN.mp4 by clip index
    output: Path  # feature shard to write
    resources: Path  # folder of weights.yaml
    settings: Encoder
    architecture: Architecture
    device: str  # cpu or cuda


@dataclass(frozen=True)
class FrozenEncoder:
    """An encoder with the mode and the batch size it is run with."""

    model: nn.Module
    mode: str
    batch: int


def encode_shard(job: EncodeJob) -> None:
    """Encode the clips of one table into one feature shard; return at once if that is done.

    A killed job leaves nothing at `job.output` and starts again. Raises, one line each, `ClipError`
    naming the file that is not the clip of the table, `WeightsError`, `DiskFull`, `SettingsError`.
    """
    _check_device(job.device, job.settings.dtype)
    table = read_clip_table(job.table)
    clips, sizes = table["clip"], job.architecture
    check_disk(job.output.parent, (len(clips), STEPS, sizes.grid**2, sizes.width))
    model, origin = load_encoder(job.settings, sizes, job.resources)
    config = _config(job, origin, table["frames_sha256"])
    if is_complete(job.output, config):
        print(f"features: {job.output} is done", flush=True)
        return
    encoder = FrozenEncoder(model.to(job.device), job.settings.mode, job.settings.batch)
    header = ShardHeader(config, origin, encoder.mode, job.settings.dtype, _software(job.device))
    paths = [clip_path(job.clips, clip) for clip in clips]
    check = partial(read_frames, image_px=sizes.image_px)
    frames = read_ahead(check, paths, table["frames_sha256"])
    latents = report(encode_clips(encoder, frames), len(clips), str(job.output))
    write_shard(job.output, header, clips, latents)


def encode_clips(encoder: FrozenEncoder, clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Turn clips (uint8 [F, H, W, 3]) into latents (float16 [T, P, D]), in order, lazily."""
    sequences: deque[np.ndarray] = deque()
    uses: deque[list[int]] = deque()
    results: list[np.ndarray] = []
    for frames in clips:
        parts, use = split(frames, encoder.mode)
        sequences.extend(parts)
        uses.append(use)
        while len(sequences) >= encoder.batch:
            results.extend(_forward(encoder, [sequences.popleft() for _ in range(encoder.batch)]))
        yield from _finished(uses, results)
    if sequences:
        results.extend(_forward(encoder, list(sequences)))
    yield from _finished(uses, results)


def split(frames: np.ndarray, mode: str) -> tuple[list[np.ndarray], list[int]]:
    """Cut a clip into the sequences to encode, and say which of them holds each part, in order.

    `clip`: the clip itself. `tubelet`: its distinct pairs of frames; byte-identical pairs share.
    """
    if mode == "clip":
        return [frames], [0]
    pairs = rearrange(frames, "(t two) h w c -> t two h w c", two=TUBELET_FRAMES)
    seen: dict[bytes, int] = {}
    use = [seen.setdefault(pair.tobytes(), len(seen)) for pair in pairs]
    return [pairs[use.index(number)] for number in range(len(seen))], use


def _finished(uses: deque[list[int]], results: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the clips whose sequences are all encoded and drop their sequences."""
    while uses and len(results) > max(uses[0]):
        use = uses.popleft()
        yield np.concatenate([results[number] for number in use])
        del results[: max(use) + 1]


@torch.inference_mode()
def _forward(encoder: FrozenEncoder, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Encode uint8 sequences [F, H, W, 3], padded to a full batch: float16 [F / 2, P, D] each."""
    filled = [*sequences, *[sequences[-1]] * (encoder.batch - len(sequences))]
    weight = next(encoder.model.parameters())
    pixels = torch.from_numpy(np.stack(filled)).to(weight.device)
    tokens = encoder.model(normalise(pixels).to(weight.dtype)).last_hidden_state
    steps = sequences[0].shape[0] // TUBELET_FRAMES
    latents = rearrange(tokens, "b (t p) d -> b t p d", t=steps).half().cpu().numpy()
    return list(latents[: len(sequences)])


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [B, F, H, W, 3] to float32 [B, F, 3, H, W] with ImageNet mean 0 and deviation 1."""
    mean, std = (torch.tensor(v, device=pixels.device) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return rearrange((pixels.float() / 255.0 - mean) / std, "b f h w c -> b f c h w")


def read_frames(path: Path, sha256: str, image_px: int) -> np.ndarray:
    """Read one clip, uint8 [F, H, W, 3], and check its size and its digest.

    Raises `ClipError` naming the file unless it holds, bit for bit, the 16 frames that were drawn.
    """
    frames = read_clip(path)
    expected = (CLIP_FRAMES, image_px, image_px, 3)
    if frames.shape != expected:
        raise ClipError(path, f"has shape {frames.shape}, not {expected}")
    if digest(frames) != sha256:
        raise ClipError(path, "pixels differ from the frames_sha256 of its table")
    return frames


def read_ahead(read: Callable[..., np.ndarray], *arguments: Iterable) -> Iterator[np.ndarray]:
    """Yield `read(...)` in order, as `map` does, while one thread reads the next few."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future] = deque()
        for call in zip(*arguments, strict=True):
            waiting.append(pool.submit(read, *call))
            if len(waiting) > CLIPS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def report(latents: Iterable[np.ndarray], total: int, name: str) -> Iterator[np.ndarray]:
    """Pass `latents` on and print rate and remaining time every few seconds, and at the end."""
    start = last = time.monotonic()
    for done, latent in enumerate(latents, 1):
        yield latent
        now = time.monotonic()
        if done == total or now - last > SECONDS_BETWEEN_LINES:
            rate = done / (now - start)
            left = (total - done) / rate
            line = f"{done}/{total} clips, {rate:.2f} clips/s, {left:.0f} s left"
            print(f"features: {name}: {line}", flush=True)
            last = now


def _check_device(device: str, dtype: str) -> None:
    if device != "cpu" and not torch.cuda.is_available():
        raise SettingsError("compute.device", device, "torch finds no GPU", "set it to cpu")
    able = torch.cpu.get_capabilities()
    is_native = any(able.get(name, False) for name in NATIVE_BFLOAT16)
    if device == "cpu" and dtype == "bfloat16" and not is_native:
        print("features: warning: no native bfloat16 here, float32 may be faster", flush=True)


def _config(job: EncodeJob, origin: str, frames_sha256: Iterable[str]) -> str:
    """Hash of all that the features depend on: pixels, weights, mode, arithmetic, sizes."""
    how = [origin, job.settings.mode, job.settings.dtype, asdict(job.architecture)]
    everything = json.dumps([how, list(map(str, frames_sha256))], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()[:16]


def _software(device: str) -> str:
    return f"torch {torch.__version__}, transformers {transformers.__version__}, {device}"
