"""The table of a shard of clips: one HDF5 file with the arrays of `schema.CLIP_SHARD`.

Checksummed, written under a temporary name, `complete` last: what has its final name is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hopeworld.files import atomic, study_of
from hopeworld.records import carried
from hopeworld.schema import CLIP_SHARD, Array

NAMES = ("config", "split", "domain")
MAPPINGS = ("settings", "versions")


@dataclass(frozen=True)
class Shard:
    """A shard of clips: its table and its folder of mp4 files."""

    table: Path
    folder: Path


class TableError(ValueError):
    """A clip table that is missing, corrupt or not one of this project."""

    def __init__(self, path: str | os.PathLike, problem: object):
        repair = f"hopeworld clips repair {study_of(path, 3)}"
        super().__init__(f"{path}: {problem}; run `{repair}`, or delete it and run again")


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the bytes of the arrays, in order."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def write_clip_table(
    path: str | os.PathLike, columns: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> None:
    """Write all columns of the schema and the attributes `NAMES` and `MAPPINGS` (as JSON).

    Raises `DiskFull`, `NotWritable`.
    """
    _require_schema(path, columns)
    image = _image(columns, attributes)
    with atomic(path, "the table") as part:
        part.write_bytes(image)


def _image(columns: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> bytes:
    """The bytes of the file: made in memory, because HDF5 crashes where a disk is full."""
    with h5py.File("table", "w", driver="core", backing_store=False) as file:
        for name, column in CLIP_SHARD.items():
            dataset = file.create_dataset(
                name, data=_encode(columns[name], column), fletcher32=True
            )
            dataset.attrs.update(axes=column.axes, unit=column.unit, meaning=column.meaning)
        file.attrs.update({name: attributes[name] for name in NAMES})
        for name in MAPPINGS:
            file.attrs[name] = json.dumps(attributes[name], sort_keys=True)
        file.attrs.update(carried())
        file.attrs["complete"] = True
        file.flush()
        return file.id.get_file_image()


def read_clip_table(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all columns by name; raise TableError where the file is missing, corrupt or foreign."""
    with _opened(path) as file:
        columns = {name: _decode(file[name], column) for name, column in CLIP_SHARD.items()}
    _require_schema(path, columns)
    return columns


def read_attributes(path: str | os.PathLike) -> dict[str, Any]:
    """Read the attributes of a clip table; those in `MAPPINGS` come back as mappings.

    Raises TableError where the file is missing, corrupt or foreign.
    """
    with _opened(path) as file:
        attributes = dict(file.attrs)
    return attributes | {name: json.loads(attributes[name]) for name in MAPPINGS}


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in CLIP_SHARD if name not in file]
            missing += [name for name in (*NAMES, *MAPPINGS) if name not in file.attrs]
            if missing:
                raise TableError(path, f"not a clip table (no {', '.join(missing[:3])})")
            if not file.attrs.get("complete", False):
                raise TableError(path, "incomplete")
            yield file
    except FileNotFoundError as error:
        raise TableError(path, "no such clip table") from error
    except (OSError, LookupError, RuntimeError) as error:
        raise TableError(path, f"not readable ({error})") from error


def _require_schema(path: str | os.PathLike, columns: Mapping[str, np.ndarray]) -> None:
    """Check that axes of one name have one size everywhere, and digits their value."""
    sizes: dict[str, int] = {}
    for name, column in CLIP_SHARD.items():
        axes = column.axes.split()
        shape = np.shape(columns[name])
        sizes.update({axis: int(axis) for axis in axes if axis.isdigit()})
        expected = tuple(sizes.setdefault(a, n) for a, n in zip(axes, shape, strict=False))
        if len(shape) != len(axes) or shape != expected:
            raise TableError(path, f"{name} has shape {shape}, not [{column.axes}]")


def _encode(values: np.ndarray, column: Array) -> np.ndarray:
    return np.asarray(values, dtype="S" if column.dtype == "str" else column.dtype)


def _decode(dataset: h5py.Dataset, column: Array) -> np.ndarray:
    return dataset[()].astype(column.dtype)
