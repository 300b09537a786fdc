"""Clip tables and features of pairs whose leak is planted, and the table of the leakage study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hopeworld.features.store import write_shard
from hopeworld.probing.leakage import START
from hopeworld.schema import CLIP_SHARD
from hopeworld.simulation.table import write_clip_table
from tests.tiny_features import ATTRIBUTES, HEADER

STEPS, PATCHES, WIDTH, EPISODE = 3, 2, 16, 4
SCALE = 0.3


@dataclass(frozen=True)
class Truth:
    """What latents hold beside a pattern of their own, in units of the noise that hides it.

    displacement: deviation of its reading over the noise: R2 = d^2 / (d^2 + 1).   domain: distance
    of the two domains' readings from 0: accuracy Phi(d).   shared: the noise is the pair's.
    """

    displacement: float = 0.0
    domain: float = 0.0
    shared: bool = False


def draw_clips(count: int, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the clips of A and of B: pushes at frame 3 or 5, unit displacements."""
    draw = np.random.default_rng(seed)
    onset, start = draw.choice([3, 5], count), draw.uniform(-0.1, 0.1, (count, 2))
    clips = {}
    for domain in "AB":
        position = np.zeros((count, 16, 3))
        position[:, :, :2] = start[:, None]
        position[:, -1, :2] += draw.normal(size=(count, 2))
        clips[domain] = {"clip": np.arange(count), "episode": np.arange(count) // EPISODE}
        clips[domain] |= {"onset": onset, "position": position}
    return clips


def write_tables(folder: Path, clips: dict, shard: int = 1000) -> dict[str, list[Path]]:
    """Clip tables by domain, `shard` clips in each."""
    paths = {}
    for domain, columns in clips.items():
        starts = range(0, len(columns["clip"]), shard)
        paths[domain] = [folder / f"leakage_{domain}" / f"{first:05d}.h5" for first in starts]
        for first, path in zip(starts, paths[domain], strict=True):
            part = {name: column[first : first + shard] for name, column in columns.items()}
            write_clip_table(path, _filled(part), ATTRIBUTES)
    return paths


def write_latents(
    folder: Path, clips: dict, truth: Truth, seed: int = 1, shard: int = 1000
) -> dict[str, list[Path]]:
    """Feature shards by domain, as `write_tables` cuts them."""
    paths = {}
    for domain, latents in draw_latents(clips, truth, seed).items():
        starts = range(0, len(latents), shard)
        paths[domain] = [folder / domain / f"{first:05d}.h5" for first in starts]
        for first, path in zip(starts, paths[domain], strict=True):
            own = clips[domain]["clip"][first : first + shard]
            write_shard(path, HEADER, own, iter(latents[first : first + shard]))
    return paths


def draw_latents(clips: dict, truth: Truth, seed: int = 1) -> dict[str, np.ndarray]:
    """Latents float16 [N, STEPS, PATCHES, WIDTH] by domain; each step hides as much again."""
    draw = np.random.default_rng(seed)
    base, directions = _directions(draw)
    count = len(clips["A"]["clip"])
    noise = draw.normal(size=(2, count, STEPS, PATCHES * WIDTH))
    latents = {}
    for index, (domain, columns) in enumerate(clips.items()):
        moved = columns["position"][:, -1, :2] - columns["position"][:, 0, :2]
        sign = np.full((count, 1), 2.0 * index - 1)
        told = np.concatenate([truth.displacement * moved, truth.domain * sign], axis=1)
        hidden = noise[0 if truth.shared else index] + (told @ directions)[:, None]
        whole = base + SCALE * hidden
        latents[domain] = whole.reshape(count, STEPS, PATCHES, WIDTH).astype(np.float16)
    return latents


def _directions(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A pattern [.], and three orthonormal directions [3, .] that LayerNorm leaves alone."""
    base = draw.normal(size=(PATCHES, WIDTH))
    base = (base - base.mean(1, keepdims=True)) / base.std(1, keepdims=True)
    free = draw.normal(size=(3, PATCHES, WIDTH))
    free -= free.mean(2, keepdims=True)
    free -= (free * base).sum(2, keepdims=True) * base / WIDTH
    return base.ravel(), np.linalg.qr(free.reshape(3, -1).T)[0].T


def _filled(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    sizes = {"N": len(columns["clip"]), "F": 16, "T": 8, "P": PATCHES}
    found = {}
    for name, column in CLIP_SHARD.items():
        shape = [sizes.get(axis) or int(axis) for axis in column.axes.split()]
        found[name] = np.zeros(shape, "U64" if column.dtype == "str" else column.dtype)
    return found | columns


def leakage_table(scores: dict[str, tuple[float, float]], last: int = 3) -> pd.DataFrame:
    """A table as `measure` makes it: R2 and accuracy of every mode, intervals of 0.1 each way.

    The accuracy of a causal mode, 0.5, has no width.
    """
    rows = []
    for mode, (r2, accuracy) in {START: (-0.02, 0.5), **scores}.items():
        for target, value, chance in (("displacement", r2, 0.0), ("domain", accuracy, 0.5)):
            half = 0.0 if value == 0.5 else 0.1
            for t in range(1, last + 1):
                row = {"mode": mode, "target": target, "t": t, "value": value}
                row |= {"low": value - half, "high": value + half}
                row |= {"clips": 80 if t < last else 42, "equal_pairs": float(half == 0)}
                rows.append(row | {"chance": chance})
    return pd.DataFrame(rows)
