"""A tiny encoder and small clip tables: the code paths of the real ones in milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hopeworld.features.encoder import EncodeJob
from hopeworld.features.passes import FrozenEncoder
from hopeworld.features.sequences import STEPS
from hopeworld.features.store import ShardHeader, write_shard
from hopeworld.features.weights import Architecture, load_encoder
from hopeworld.schema import CLIP_SHARD
from hopeworld.settings import Encoder
from hopeworld.simulation.table import digest, write_clip_table
from hopeworld.video.clips import clip_path, write_clip

RESOURCES = Path(__file__).parents[1] / "resources"
TINY = Architecture(image_px=64, width=48, layers=2, heads=4, mlp_ratio=2.0)
HEADER = ShardHeader("abc", "random (seed 0)", "tubelet", "float32", "none", "{}")
ATTRIBUTES = {"config": "abc", "split": "train", "domain": "A", "settings": {}, "versions": {}}


def encoder_settings(weights="random", mode="tubelet", batch=4, seed=0):
    """Encoder settings in float32."""
    return Encoder(weights=str(weights), seed=seed, mode=mode, dtype="float32", batch=batch)


def tiny_encoder(mode="tubelet", batch=4, architecture=TINY, steps=STEPS):
    """A random tiny encoder."""
    settings = encoder_settings(mode=mode, batch=batch)
    model, _ = load_encoder(settings, architecture, RESOURCES)
    return FrozenEncoder(model, mode, batch, steps)


def clip_frames(seed, still=0, image_px=TINY.image_px):
    """A clip of noise, uint8 [16, H, W, 3], whose first `still` frames are equal."""
    shape = (16, image_px, image_px, 3)
    frames = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    frames[:still] = frames[0]
    return frames


def write_table(path, clips, patches=16, frames_sha256=None):
    """A clip table of the given clip indices whose actions and masks tell the clips apart."""
    sizes = {"N": len(clips), "F": 16, "T": 8, "P": patches}
    columns = {}
    for name, column in CLIP_SHARD.items():
        shape = [sizes.get(axis) or int(axis) for axis in column.axes.split()]
        columns[name] = np.zeros(shape, "U64" if column.dtype == "str" else column.dtype)
    columns["clip"] = np.asarray(clips)
    columns["episode"] = np.asarray(clips) // 4
    columns["action"] += np.asarray(clips)[:, None, None] + 0.25
    columns["mask_now"][np.arange(len(clips)), :, np.asarray(clips) % patches] = True
    columns["mask_next"] = np.roll(columns["mask_now"], 1, axis=2)
    columns["frames_sha256"] = np.asarray(frames_sha256 or [""] * len(clips))
    write_clip_table(path, columns, ATTRIBUTES)


def write_features(path, clips, header=HEADER, shape=(8, 16, 6)):
    """A feature shard whose latent of clip i is i everywhere."""
    write_shard(path, header, np.asarray(clips), (np.full(shape, i, np.float16) for i in clips))


def encode_job(folder, clips, settings, architecture=TINY, steps=STEPS):
    """Clips of noise on disk with their table, and the job that encodes them."""
    table = folder / "clips" / "00000.h5"
    frames = {c: clip_frames(c, still=6, image_px=architecture.image_px) for c in clips}
    for clip in clips:
        write_clip(clip_path(table.with_suffix(""), clip), frames[clip], 12)
    write_table(table, clips, architecture.grid**2, [digest(frames[clip]) for clip in clips])
    output = folder / "features" / "00000.h5"
    return EncodeJob(
        table=table,
        clips=table.with_suffix(""),
        output=output,
        resources=RESOURCES,
        settings=settings,
        architecture=architecture,
        steps=steps,
        device="cpu",
        memory_mb=2000,
    )
