"""One part of the data set, a split in a domain: its clips checked, copied and described."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from hopeworld.dataset.table import clip_rows
from hopeworld.files import atomic
from hopeworld.schema import CLIP_SHARD
from hopeworld.settings import SPLITS
from hopeworld.simulation.table import Shard, digest, read_attributes, read_clip_table
from hopeworld.video.clips import ClipError, clip_path, read_clip

TEXT_DTYPE = "S64"


@dataclass(frozen=True)
class Part:
    """A split in a domain: its shards in order, and the versions that made them."""

    split: str
    domain: str
    shards: tuple[Shard, ...]
    versions: tuple[dict[str, str], ...]

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.split}_{self.domain}"


@dataclass(frozen=True)
class Examples:
    """The first clips of a part: frames uint8 [n, F, H, W, 3] and their rows of the table."""

    split: str
    domain: str
    frames: np.ndarray
    columns: dict[str, np.ndarray]


def parts_of(shards: Iterable[Shard]) -> list[Part]:
    """Group shards, given in order, by split and domain; splits in the order of the settings.

    Raises TableError where a table is missing or corrupt.
    """
    groups: dict[tuple[str, str], list[tuple[Shard, dict[str, str]]]] = {}
    for shard in shards:
        attributes = read_attributes(shard.table)
        key = (attributes["split"], attributes["domain"])
        groups.setdefault(key, []).append((shard, attributes["versions"]))
    parts = [Part(*key, *zip(*group, strict=True)) for key, group in groups.items()]
    return sorted(parts, key=lambda part: SPLITS.index(part.split))


def copy_part(
    part: Part, folder: Path, shown: int, done: Callable[[int], None]
) -> tuple[pd.DataFrame, Examples]:
    """Write videos/ and states/ of a part below `folder`; return its rows and first `shown` clips.

    `done` is told after every clip that one more is there. Raises ClipError where an mp4 is
    missing, truncated or has other frames than its table says.
    """
    rows: list[pd.DataFrame] = []
    examples: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
    videos = folder / "videos" / part.name
    videos.mkdir(parents=True)
    # In memory, because HDF5 crashes where a disk is full.
    with h5py.File(part.name, "w", driver="core", backing_store=False) as states:
        states.attrs.update(split=part.split, domain=part.domain)
        for shard in part.shards:
            columns = read_clip_table(shard.table)
            first = append(states, columns)
            rows.append(clip_rows(columns, part, shard.table.stem, first))
            for row, frames in enumerate(_copied(part, shard, columns, videos)):
                if len(examples) < shown:
                    examples.append((frames, {name: c[row] for name, c in columns.items()}))
                done(1)
        states.flush()
        image = states.id.get_file_image()
    with atomic(folder / "states" / f"{part.name}.h5", "the states") as path:
        path.write_bytes(image)
    return pd.concat(rows, ignore_index=True), _joined(part, examples)


def append(states: h5py.File, columns: dict[str, np.ndarray]) -> int:
    """Append the rows of a shard to every array of `states`; return where the first one lies."""
    for name, array in CLIP_SHARD.items():
        values = np.asarray(columns[name], TEXT_DTYPE if array.dtype == "str" else array.dtype)
        if name not in states:
            space = {"shape": (0, *values.shape[1:]), "maxshape": (None, *values.shape[1:])}
            dataset = states.create_dataset(
                name, dtype=values.dtype, chunks=values.shape, fletcher32=True, **space
            )
            dataset.attrs.update(axes=array.axes, unit=array.unit, meaning=array.meaning)
        first = len(states[name])
        states[name].resize(first + len(values), axis=0)
        states[name][first:] = values
    return first


def _copied(
    part: Part, shard: Shard, columns: dict[str, Any], videos: Path
) -> Iterator[np.ndarray]:
    """Copy the mp4 files of a shard and yield the frames of each.

    Copies, for a link would let an edit of the study's clips change what was published.
    """
    for index, expected in zip(columns["clip"], columns["frames_sha256"], strict=True):
        path = clip_path(shard.folder, index)
        frames = read_clip(path)
        if digest(frames) != expected:
            raise ClipError(path, f"clip {index} of {part.name} is not what its table describes")
        shutil.copyfile(path, clip_path(videos, index))
        yield frames


def _joined(part: Part, examples: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> Examples:
    frames, rows = zip(*examples, strict=True)
    columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return Examples(part.split, part.domain, np.stack(frames), columns)
