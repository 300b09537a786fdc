"""`hopeworld record`: where a file comes from, as it says itself or as its study says."""

from __future__ import annotations

import argparse
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pyarrow.parquet

from hopeworld import records
from hopeworld.records import KEY, Record, RecordError

PNG_HEAD, PNG_FRAME = 8, 12  # signature; length, type and checksum of a chunk
PDF_TEXT = re.compile(rb"/Keywords \(((?:\\.|[^\\)])*)\)")


def show(chosen: argparse.Namespace) -> None:
    """Print the record of a file as JSON; raise `RecordError` where nothing tells of it."""
    print(json.dumps(record_of(chosen.file), indent=2, sort_keys=True))


def record_of(path: Path) -> Record:
    """The record in a file, else the one of its study; raises `RecordError`."""
    if not path.is_file():
        raise RecordError(f"{path}: no such file")
    return carried_by(path) or kept_by_study(path)


def carried_by(path: Path) -> Record:
    """The record that a file carries; {} where it carries none. Raises `RecordError`."""
    try:
        text = READERS.get(path.suffix, lambda _: None)(path)
        return json.loads(text) if text else {}
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise RecordError(f"{path}: not readable ({type(error).__name__}: {error})") from error


def kept_by_study(path: Path) -> Record:
    """The record of a study that names a file; raises `RecordError`."""
    whole = path.resolve()
    study = next((f for f in whole.parents if (f / records.FOLDER).is_dir()), None)
    found = records.of_file(study, whole) if study else {}
    if not found:
        raise RecordError(f"{path}: carries no record, and no study's records/ names it")
    return found


def _hdf5(path: Path) -> str | None:
    with h5py.File(path, "r") as file:
        return file.attrs.get(KEY)


def _parquet(path: Path) -> bytes | None:
    return (pyarrow.parquet.read_schema(path).metadata or {}).get(KEY.encode())


def _safetensors(path: Path) -> str | None:
    """From the one entry of the metadata, itself JSON."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        entries = json.loads(file.read(size)).get("__metadata__", {})
    return next((text for e in entries.values() if (text := json.loads(e).get(KEY))), None)


def _png(path: Path) -> bytes | None:
    return dict(_png_texts(path.read_bytes())).get(KEY.encode())


def _png_texts(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key and text of every tEXt chunk."""
    start = PNG_HEAD
    while start + PNG_FRAME <= len(content):
        size, kind = struct.unpack_from(">I4s", content, start)
        if kind == b"tEXt":
            key, _, text = content[start + 8 : start + 8 + size].partition(b"\0")
            yield key, text
        start += size + PNG_FRAME


def _pdf(path: Path) -> bytes | None:
    found = PDF_TEXT.search(path.read_bytes())
    return re.sub(rb"\\(.)", rb"\1", found[1]) if found else None


def _json(path: Path) -> Any:
    value = json.loads(path.read_text())
    return value.get(KEY) if isinstance(value, dict) else None


READERS: dict[str, Callable[[Path], Any]] = {
    ".h5": _hdf5,
    ".parquet": _parquet,
    ".safetensors": _safetensors,
    ".png": _png,
    ".pdf": _pdf,
    ".json": _json,
}
