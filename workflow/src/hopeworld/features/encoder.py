"""Encode a shard of clips with the frozen V-JEPA 2 encoder.

What a latent knows is the mode's matter: `sequences`. Decoding, encoding and writing overlap: a
thread reads ahead, this one computes, another converts and writes behind.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from torch import nn

from hopeworld.features.overlap import read_ahead, write_behind
from hopeworld.features.passes import FrozenEncoder, run_passes
from hopeworld.features.sequences import Sequence, assemble, longest
from hopeworld.features.store import ShardHeader, check_disk, is_complete, write_shard
from hopeworld.features.throughput import choose_batch, counted, matmul_rate, summary
from hopeworld.features.weights import Architecture, load_encoder
from hopeworld.progress import tracked
from hopeworld.settings import CLIP_FRAMES, Encoder, SettingsError
from hopeworld.simulation.table import read_clip_table
from hopeworld.video.clips import ClipError, clip_path, read_clip, require_frames

NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True)
class EncodeJob:
    """One feature shard to make."""

    table: Path  # clip table (.h5)
    clips: Path  # folder of its mp4 files, NNNNNN.mp4 by clip index
    output: Path  # feature shard to write
    resources: Path  # folder of weights.yaml
    settings: Encoder
    architecture: Architecture
    steps: int  # latents to keep of a clip, its first
    device: str  # cpu or cuda
    memory_mb: int  # what the job may use on the CPU


def encode_shard(job: EncodeJob) -> None:
    """Encode the clips of one table into one feature shard; return at once if that is done.

    A killed job leaves nothing at `job.output` and starts again. Raises, one line each, `ClipError`
    naming the file that is not the clip of the table, `WeightsError`, `DiskFull`, `SettingsError`.
    """
    _check_device(job.device, job.settings.dtype)
    table = read_clip_table(job.table)
    clips, sizes = table["clip"], job.architecture
    check_disk(job.output.parent, (len(clips), job.steps, sizes.grid**2, sizes.width))
    model, origin = load_encoder(job.settings, sizes, job.resources)
    config = _config(job, origin, table["frames_sha256"])
    if is_complete(job.output, config):
        print(f"features: {job.output} is done", flush=True)
        return
    encoder = _encoder(job, model.to(job.device))
    header = _header(job, origin, config, encoder.batch)
    peak = matmul_rate(job.device, getattr(torch, job.settings.dtype))
    with counted(encoder.model) as passes:
        start = time.monotonic()
        frames = read_clips(job.clips, clips, table["frames_sha256"], sizes.image_px)
        write_features(job.output, header, encoder, clips, frames)
        seconds = time.monotonic() - start
    line = summary(sizes, passes, len(clips), seconds, peak)
    print(f"features: {job.output}: {line}", flush=True)


def write_features(
    path: Path,
    header: ShardHeader,
    encoder: FrozenEncoder,
    clips: np.ndarray,
    frames: Iterable[np.ndarray],
) -> None:
    """Encode `frames` (uint8 [F, H, W, 3] each) here while a thread writes the shard of `clips`."""

    def write(encoded: Iterator[list[Sequence]]) -> None:
        latents = tracked(map(assemble, encoded), f"features: {path}", len(clips), "clips")
        write_shard(path, header, clips, latents)

    write_behind(write, run_passes(encoder, frames))


def read_clips(
    folder: Path, clips: Iterable[int], frames_sha256: Iterable[str], image_px: int
) -> Iterator[np.ndarray]:
    """Read the clips of a table ahead, in order: uint8 [F, H, W, 3] each, checked."""
    paths = [clip_path(folder, clip) for clip in clips]
    return read_ahead(partial(read_frames, image_px=image_px), paths, frames_sha256)


def read_frames(path: Path, sha256: str, image_px: int) -> np.ndarray:
    """Read one clip, uint8 [F, H, W, 3], and check its size and its digest.

    Raises `ClipError` naming the file unless it holds, bit for bit, the 16 frames that were drawn.
    """
    frames = read_clip(path)
    expected = (CLIP_FRAMES, image_px, image_px, 3)
    if frames.shape != expected:
        raise ClipError(path, f"has shape {frames.shape}, not {expected}")
    require_frames(path, frames, sha256)
    return frames


def _encoder(job: EncodeJob, model: nn.Module) -> FrozenEncoder:
    """The encoder on its device, with a batch that is given or chosen."""
    mode = job.settings.mode
    frames = longest(mode, job.steps)
    batch = job.settings.batch or choose_batch(model, job.architecture, frames, job.memory_mb)
    return FrozenEncoder(model, mode, batch, job.steps)


def _check_device(device: str, dtype: str) -> None:
    if device != "cpu" and not torch.cuda.is_available():
        raise SettingsError("compute.device", device, "torch finds no GPU", "set it to cpu")
    able = torch.cpu.get_capabilities()
    is_native = any(able.get(name, False) for name in NATIVE_BFLOAT16)
    if device == "cpu" and dtype == "bfloat16" and not is_native:
        print("warning: no native bfloat16 here, float32 may be faster", flush=True)


def _config(job: EncodeJob, origin: str, frames_sha256: Iterable[str]) -> str:
    """Hash of all that the features depend on: weights, mode, steps, arithmetic, sizes, pixels."""
    how = [origin, job.settings.mode, job.steps, job.settings.dtype, asdict(job.architecture)]
    everything = json.dumps([how, list(map(str, frames_sha256))], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()[:16]


def _header(job: EncodeJob, origin: str, config: str, batch: int) -> ShardHeader:
    """How the shard is made, so that it can be made again: with the batch that was chosen."""
    made = {"image_px": job.architecture.image_px, "steps": job.steps, "batch": batch}
    return ShardHeader(
        config=config,
        weights=origin,
        mode=job.settings.mode,
        dtype=job.settings.dtype,
        software=_software(job.device),
        settings=json.dumps(asdict(job.settings) | made, sort_keys=True),
    )


def _software(device: str) -> str:
    kind = torch.device(device).type
    return f"torch {torch.__version__}, transformers {transformers.__version__}, {kind}"
