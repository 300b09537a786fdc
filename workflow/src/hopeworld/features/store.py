"""Feature shards: contiguous float16 latents in HDF5, one checksum per clip.

A shard is done if and only if it has its final name, opens, is marked complete and carries the
expected config hash. A shard is written once, clip by clip, by one process, and never changed.
Arrays: `schema.FEATURE_SHARD`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import crc32c
import h5py
import numpy as np

from hopeworld.files import (
    DiskFull,
    atomic,
    exclusive,
    remove_unfinished,
    reserve,
    study_of,
)
from hopeworld.records import carried
from hopeworld.schema import FEATURE_SHARD

FLOAT16_MAX = float(np.finfo(np.float16).max)
METADATA_BYTES = 2**20  # more than all but the latents takes, of some thousand clips


class StoreError(ValueError):
    """Features that cannot be stored, or are not there."""


class CorruptShard(StoreError):
    """A feature shard whose bytes are not what was written."""

    def __init__(self, path: str | os.PathLike, problem: str):
        depth = 3 if Path(path).parts[-3:-2] == ("features",) else 4  # leakage/mode/domain
        repair = f"hopeworld features repair {study_of(path, depth)}"
        super().__init__(f"{path}: {problem}; run `{repair}`, or delete this file and run again")


@dataclass(frozen=True)
class ShardHeader:
    """How the latents of a shard were made; stored as attributes of the file."""

    config: str  # hash of all that they depend on
    weights: str  # of the encoder, with their origin
    mode: str
    dtype: str
    software: str
    settings: str  # JSON: the section `encoder`, image_px and steps, to make the shard again


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
    there are more or fewer latents than clips; `InUse` while another process writes this shard;
    `DiskFull` at the first latent, when room is set aside for all.
    """
    final, clips = Path(path), np.asarray(clips, FEATURE_SHARD["clip"].dtype)
    with exclusive(final):
        remove_unfinished(final)
        stored = _stored(final, clips, latents)
        first = next(stored)
        with atomic(final, f"clips {clips[0]} to {clips[-1]}") as part:
            _prepare(part, len(clips) * first.nbytes)
            with h5py.File(part, "r+") as file:
                _fill(file, header, clips, chain([first], stored))


def _stored(final: Path, clips: np.ndarray, latents: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The latents as float16, one for each clip; raises `StoreError` where they cannot be that."""
    count = 0
    for count, latent in enumerate(latents, 1):
        if count > len(clips):
            raise StoreError(f"{final}: more latents than the {len(clips)} clips")
        extreme = np.abs(latent).max()
        if not extreme < FLOAT16_MAX:
            problem = f"the largest feature of clip {clips[count - 1]} is {extreme}"
            raise StoreError(f"{final}: {problem}; float16 holds less than {FLOAT16_MAX:.0f}")
        yield np.ascontiguousarray(latent, FEATURE_SHARD["latent"].dtype)
    if count < len(clips):
        raise StoreError(f"{final}: got {count} latents for {len(clips)} clips")


def _prepare(part: Path, latent_bytes: int) -> None:
    """Make an empty HDF5 file that has all its room on the disk: HDF5 crashes where that ends."""
    with h5py.File("empty", "w", driver="core", backing_store=False) as file:
        file.flush()
        image = file.id.get_file_image()
    part.write_bytes(image)
    reserve(part, latent_bytes + METADATA_BYTES)


def _fill(
    file: h5py.File, header: ShardHeader, clips: np.ndarray, latents: Iterable[np.ndarray]
) -> None:
    file.create_dataset("clip", data=clips)
    sums = [_append(file, row, latent) for row, latent in enumerate(latents)]
    file.create_dataset("crc32c", data=np.asarray(sums, FEATURE_SHARD["crc32c"].dtype))
    _describe(file, header)
    file.attrs["complete"] = True


def _append(file: h5py.File, row: int, stored: np.ndarray) -> int:
    """Write a latent and return its checksum."""
    if "latent" not in file:
        rows = len(file["clip"])
        file.create_dataset("latent", (rows, *stored.shape), stored.dtype)
    file["latent"][row] = stored
    return crc32c.crc32c(stored)


def _describe(file: h5py.File, header: ShardHeader) -> None:
    for name, array in FEATURE_SHARD.items():
        file[name].attrs.update(axes=array.axes, unit=array.unit, meaning=array.meaning)
    file.attrs.update(asdict(header) | carried())
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
        except CorruptShard:
            raise
        except (OSError, LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CorruptShard(self.path, f"not a whole feature shard ({error})") from error
        self._verified = np.zeros(len(self.clip), bool)

    def _open(self, file: h5py.File) -> None:
        if not file.attrs.get("complete", False):
            raise CorruptShard(self.path, "not marked complete")
        self.header = ShardHeader(
            **{name: str(file.attrs[name]) for name in ShardHeader.__dataclass_fields__}
        )
        json.loads(self.header.settings)
        latent, self.clip, self.crc32c = file["latent"], file["clip"][:], file["crc32c"][:]
        self._offset = latent.id.get_offset()
        is_plain = self._offset is not None and latent.dtype == FEATURE_SHARD["latent"].dtype
        if not is_plain or not len(latent) == len(self.clip) == len(self.crc32c):
            raise CorruptShard(self.path, "its arrays are not those of a feature shard")
        # Copy on write: torch warns of arrays that it may not write to, and nobody writes.
        mapped = np.memmap(self.path, latent.dtype, "c", self._offset, latent.shape)
        self._latent = np.asarray(mapped)

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
        self.prefetch(rows)
        for row in np.unique(rows[~self._verified[rows]]):
            self.latent(row)
        return self._latent[rows]

    def latent(self, row: int) -> np.ndarray:
        """The latent of a row where it lies on disk, float16 [T, P, D]; raises `CorruptShard`."""
        latent = self._latent[row]
        if not self._verified[row]:
            if crc32c.crc32c(latent) != self.crc32c[row]:
                raise CorruptShard(self.path, f"checksum of clip {self.clip[row]} does not match")
            self._verified[row] = True
        return latent

    def prefetch(self, rows: np.ndarray) -> None:
        """Have the system read `rows` all at once where memory does not hold every fourth of them.

        A batch that is in memory pays a fortieth of its time for the question.
        """
        size = self._latent[0].nbytes
        starts = [self._offset + int(row) * size for row in rows]
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            if not all(_is_cached(descriptor, start + size - 1) for start in starts[::4]):
                for start in starts:
                    os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


def _is_cached(descriptor: int, position: int) -> bool:
    """Whether a byte of a file is in memory; False where the system cannot tell."""
    try:
        return os.preadv(descriptor, [bytearray(1)], position, os.RWF_NOWAIT) == 1
    except OSError:
        return False
