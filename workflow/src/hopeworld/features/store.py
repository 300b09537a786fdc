"""Feature shards: contiguous float16 latents in HDF5, one checksum per clip.

A shard is done if and only if it has its final name, opens, is marked complete and carries the
expected config hash. A shard is written once, clip by clip, and never changed. Arrays:
`schema.FEATURE_SHARD`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import crc32c
import h5py
import numpy as np

from hopeworld.files import atomic
from hopeworld.schema import FEATURE_SHARD

FLOAT16_MAX = float(np.finfo(np.float16).max)


class StoreError(ValueError):
    """Features that cannot be stored, or are not there."""


class CorruptShard(StoreError):
    """A feature shard whose bytes are not what was written."""

    def __init__(self, path: str | os.PathLike, problem: str):
        super().__init__(f"{path}: {problem}; delete this file and run again")


class DiskFull(StoreError):
    """A disk that cannot hold the features that are about to be made."""


@dataclass(frozen=True)
class ShardHeader:
    """How the latents of a shard were made; stored as attributes of the file."""

    config: str
    weights: str
    mode: str
    dtype: str
    software: str


def is_complete(path: str | os.PathLike, config: str) -> bool:
    """Whether a finished shard with this config hash stands at `path`."""
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("config") == config and bool(file.attrs.get("complete", False))
    except OSError:
        return False


def check_disk(folder: Path, shape: tuple[int, int, int, int]) -> int:
    """Print and return the bytes of float16 latents [N, T, P, D]; raise `DiskFull` if too many."""
    needed = int(np.prod(shape)) * np.dtype(np.float16).itemsize
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    line = f"{shape[0]} clips need {needed / 1e9:.3f} GB in {folder}, {free / 1e9:.1f} GB are free"
    if needed > free:
        raise DiskFull(f"features: {line}; free some space or encode fewer clips")
    print(f"features: {line}", flush=True)
    return needed


def write_shard(
    path: str | os.PathLike,
    header: ShardHeader,
    clips: np.ndarray,
    latents: Iterable[np.ndarray],
) -> None:
    """Write one latent [T, P, D] per entry of `clips` (int64 [N]), in that order, as float16.

    `latents` may be a generator: one clip at a time is held. Nothing appears at `path` before all
    is on disk. Raises `StoreError` on a latent that is not finite or does not fit float16, and when
    there are more or fewer latents than clips.
    """
    final = Path(path)
    for stale in final.parent.glob(f"{final.stem}.tmp.*{final.suffix}"):
        stale.unlink()
    with atomic(final) as part, h5py.File(part, "w") as file:
        file.create_dataset("clip", data=np.asarray(clips, FEATURE_SHARD["clip"].dtype))
        sums = [_append(file, row, latent, clips) for row, latent in enumerate(latents)]
        if len(sums) != len(clips):
            raise StoreError(f"{final}: got {len(sums)} latents for {len(clips)} clips")
        file.create_dataset("crc32c", data=np.asarray(sums, FEATURE_SHARD["crc32c"].dtype))
        _describe(file, header)
        file.attrs["complete"] = True


def _append(file: h5py.File, row: int, latent: np.ndarray, clips: np.ndarray) -> int:
    if row >= len(clips):
        raise StoreError(f"{file.filename}: more latents than the {len(clips)} clips")
    extreme = np.abs(latent).max()
    if not extreme < FLOAT16_MAX:
        what = f"the largest feature of clip {clips[row]} is {extreme}"
        raise StoreError(f"{file.filename}: {what}; float16 holds less than {FLOAT16_MAX:.0f}")
    stored = np.ascontiguousarray(latent, FEATURE_SHARD["latent"].dtype)
    if "latent" not in file:
        file.create_dataset("latent", (len(clips), *stored.shape), stored.dtype)
    file["latent"][row] = stored
    return crc32c.crc32c(stored)


def _describe(file: h5py.File, header: ShardHeader) -> None:
    for name, array in FEATURE_SHARD.items():
        file[name].attrs.update(axes=array.axes, unit=array.unit, meaning=array.meaning)
    file.attrs.update(asdict(header))
    file.attrs["axes"] = "N clips, T tubelets of 2 frames, P patches row by row, D feature width"
    file.attrs["units"] = "latent: dimensionless"


class FeatureShard:
    """A finished shard, read by gather from a memory map.

    Holds no HDF5 handle, so it may be forked; pickling opens it again in the other process. The
    checksum of a clip is verified the first time that this process reads it.
    """

    def __init__(self, path: str | os.PathLike):
        """Open `path`; raise `StoreError` if it is missing, `CorruptShard` if it is not whole."""
        self.path = Path(path)
        if not self.path.exists():
            raise StoreError(f"{path}: no such feature shard; encode its clips first")
        try:
            with h5py.File(self.path, "r") as file:
                self._open(file)
        except (OSError, KeyError) as error:
            raise CorruptShard(self.path, f"not a whole feature shard ({error})") from error
        self._verified = np.zeros(len(self.clip), bool)

    def _open(self, file: h5py.File) -> None:
        if not file.attrs.get("complete", False):
            raise CorruptShard(self.path, "not marked complete")
        self.header = ShardHeader(
            **{name: str(file.attrs[name]) for name in ShardHeader.__dataclass_fields__}
        )
        latent = file["latent"]
        self.clip = file["clip"][:]
        self._crc32c = file["crc32c"][:]
        self._latent = np.memmap(
            self.path, latent.dtype, "r", offset=latent.id.get_offset(), shape=latent.shape
        )

    def __reduce__(self) -> tuple:
        return FeatureShard, (self.path,)

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, P, D) of one clip."""
        return self._latent.shape[1:]

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Copy the latents of `rows` (any order, repeats allowed): float16 [B, T, P, D].

        Raises `CorruptShard` with the file and the clip if a checksum does not match.
        """
        rows = np.asarray(rows, np.int64)
        for row in np.unique(rows[~self._verified[rows]]):
            if crc32c.crc32c(self._latent[row]) != self._crc32c[row]:
                raise CorruptShard(self.path, f"checksum of clip {self.clip[row]} does not match")
            self._verified[row] = True
        return np.asarray(self._latent[rows])
