"""The clips of a split: latents, actions, masks and centres, joined by clip index."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hopeworld.features.store import FeatureShard
from hopeworld.simulation.table import read_clip_table

JOINED = ("clip", "episode", "action", "mask_now", "mask_next")
FRAMES = 2  # of a latent
COLUMNS = (*JOINED, "centre", "shard", "row")


class DatasetError(ValueError):
    """Features and clip tables that do not belong together."""


@dataclass(frozen=True)
class ClipDataset:
    """Clips in the order of their index; latents stay on disk until they are asked for."""

    clip: np.ndarray  # int64 [N], ascending
    episode: np.ndarray  # int64 [N]
    action: np.ndarray  # float32 [N, T, 2], newtons
    mask_now: np.ndarray  # bool [N, T, P]
    mask_next: np.ndarray  # bool [N, T, P]
    centre: np.ndarray  # float32 [N, T, 2], metres: of the object, mean over a latent's frames
    origin: dict[str, str]  # weights, mode and dtype of the encoder
    shards: tuple[FeatureShard, ...]
    shard: np.ndarray  # int64 [N]: which of `shards` holds the clip
    row: np.ndarray  # int64 [N]: and in which row

    @classmethod
    def open(
        cls, feature_paths: Sequence[str | os.PathLike], table_paths: Sequence[str | os.PathLike]
    ) -> ClipDataset:
        """Open the shards of one split and domain, in any order.

        Raises `DatasetError` if a clip has no features, features have no clip, an index occurs
        twice, or the shards were not made alike; `CorruptShard` if one is damaged.
        """
        shards = tuple(FeatureShard(path) for path in feature_paths)
        origin = _origin(shards)
        table = _table(table_paths)
        clips, shard, row = _places(shards)
        _check_same_clips(clips, table["clip"])
        _check_patches(shards, table["mask_now"])
        table["action"] = table["action"].astype(np.float32)
        return cls(**table, origin=origin, shards=shards, shard=shard, row=row)

    @classmethod
    def join(cls, parts: Sequence[ClipDataset]) -> ClipDataset:
        """The clips of several splits or domains as one; clips and episodes are numbered on.

        Raises `DatasetError` if the parts were not encoded alike.
        """
        shards = tuple(shard for part in parts for shard in part.shards)
        firsts = {
            "clip": [part.clip.max() + 1 for part in parts],
            "episode": [part.episode.max() + 1 for part in parts],
            "shard": [len(part.shards) for part in parts],
        }
        columns = {name: [getattr(part, name) for part in parts] for name in COLUMNS}
        for name, counts in firsts.items():
            starts = np.cumsum([0, *counts[:-1]])
            columns[name] = [c + s for c, s in zip(columns[name], starts, strict=True)]
        joined = {name: np.concatenate(column) for name, column in columns.items()}
        return cls(**joined, origin=_origin(shards), shards=shards)

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the patches; the images are square."""
        side = math.isqrt(self.mask_now.shape[2])
        return side, side

    @property
    def feature_width(self) -> int:
        """D."""
        return self.shards[0].shape[2]

    def latents(self, indices: np.ndarray | Sequence[int]) -> np.ndarray:
        """Read the encoder's output, before any LayerNorm, at positions `indices` of this dataset.

        float32 [B, T, P, D], in the order asked for. Raises `CorruptShard` naming file and clip.
        Torch widens the latents, several times as fast as numpy.
        """
        places = np.stack([self.shard, self.row], axis=1)[np.asarray(indices, np.int64)]
        for number in np.unique(places[:, 0]):
            self.shards[number].prefetch(places[places[:, 0] == number, 1])
        out = np.empty((len(places), *self.shards[0].shape), np.float32)
        for into, (number, row) in zip(torch.from_numpy(out), places, strict=True):
            into.copy_(torch.from_numpy(self.shards[number].latent(row)))
        return out


def _origin(shards: Sequence[FeatureShard]) -> dict[str, str]:
    """The one origin and shape of all shards."""
    if not shards:
        raise DatasetError("dataset: no feature shards given; encode the split first")
    kinds = {_kind(shard): shard.path for shard in shards}
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        problem = f"{first} holds {one}, {second} holds {other}"
        raise DatasetError(f"dataset: {problem}; delete the stale one and run again")
    header = shards[0].header
    return {"weights": header.weights, "mode": header.mode, "dtype": header.dtype}


def _kind(shard: FeatureShard) -> tuple:
    return shard.header.weights, shard.header.mode, shard.header.dtype, shard.shape


def _table(paths: Sequence[str | os.PathLike]) -> dict[str, np.ndarray]:
    """The joined columns of all clip tables, sorted by clip index."""
    tables = [read_clip_table(path) for path in paths]
    if not tables:
        raise DatasetError("dataset: no clip tables given; simulate the split first")
    columns = {name: np.concatenate([table[name] for table in tables]) for name in JOINED}
    columns["centre"] = np.concatenate([_centres(table["position"]) for table in tables])
    _check_unique(columns["clip"], "clip tables")
    order = np.argsort(columns["clip"])
    return {name: column[order] for name, column in columns.items()}


def _centres(position: np.ndarray) -> np.ndarray:
    """[N, F, 3] of the frames to float32 [N, T, 2] of the latents: x and y, frames averaged."""
    by_latent = position[:, :, :2].reshape(len(position), -1, FRAMES, 2)
    return by_latent.mean(axis=2).astype(np.float32)


def _places(shards: Sequence[FeatureShard]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip indices, ascending, with the shard and the row that hold each: three int64 [N]."""
    clips = np.concatenate([shard.clip for shard in shards])
    shard = np.repeat(np.arange(len(shards)), [len(shard) for shard in shards])
    row = np.concatenate([np.arange(len(shard)) for shard in shards])
    _check_unique(clips, "feature shards")
    order = np.argsort(clips)
    return clips[order], shard[order], row[order]


def _check_unique(clips: np.ndarray, where: str) -> None:
    found, counts = np.unique(clips, return_counts=True)
    if (counts > 1).any():
        clip = found[counts > 1][0]
        raise DatasetError(f"dataset: clip {clip} occurs twice in the {where}; give one split")


def _check_same_clips(encoded: np.ndarray, simulated: np.ndarray) -> None:
    for missing, where in (
        (np.setdiff1d(simulated, encoded), "in the clip tables but not encoded"),
        (np.setdiff1d(encoded, simulated), "encoded but not in the clip tables"),
    ):
        if len(missing):
            problem = f"{len(missing)} clips (first: {missing[0]}) are {where}"
            raise DatasetError(f"dataset: {problem}; give the shards of one split and domain")


def _check_patches(shards: Sequence[FeatureShard], mask: np.ndarray) -> None:
    if shards[0].shape[:2] != mask.shape[1:]:
        problem = f"{shards[0].path} has {shards[0].shape[:2]} steps and patches"
        raise DatasetError(f"dataset: {problem}, the clip tables {mask.shape[1:]}; encode again")
