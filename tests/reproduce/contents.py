"""A digest of what is in a file, without the record that it carries and the times in it.

The record names the code that ran; an edit that changes no number is to leave the digest alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from hopeworld.commands.record import PDF_TEXT, PNG_FRAME, PNG_HEAD
from hopeworld.records import KEY
from tests.chaos.comparison import timed_of

# Not compared: what is in them is compared where it comes from.
LEFT_OUT = {
    "report.html": "holds files with their records, and when and how long jobs ran",
    "features/index.json": "sizes with records; the checksums in it are those of the shards",
    "dataset/README.md": "names the fingerprint of the code, and sizes with records",
    "dataset/SHA256SUMS": "the sha256 of files with their records",
    "dataset/provenance.json": "a record",
}


def digest(path: Path, name: str) -> str:
    """sha256 of what is in a file of a study; `name` is its path below the study."""
    total = hashlib.sha256()
    timed = timed_of(name)
    read = READERS.get(path.suffix, _bytes)
    for part in read(path) if timed is None else _value(timed.content(path)):
        total.update(part)
    return total.hexdigest()


def _value(value: Any) -> Iterator[bytes]:
    """A table, or a tree of plain values."""
    if isinstance(value, pd.DataFrame):
        yield value.dtypes.to_string().encode()
        yield pd.util.hash_pandas_object(value).to_numpy().tobytes()
    else:
        yield _text(value)


def _text(value: Any) -> bytes:
    """A tree of plain values as JSON, without a record."""
    bare = {k: v for k, v in value.items() if k != KEY} if isinstance(value, dict) else value
    return json.dumps(bare, sort_keys=True, default=str).encode()


def _bytes(path: Path) -> Iterator[bytes]:
    yield path.read_bytes()


def _json(path: Path) -> Iterator[bytes]:
    yield _text(json.loads(path.read_text()))


def _hdf5(path: Path) -> Iterator[bytes]:
    with h5py.File(path, "r") as file:
        yield from _attributes(file)
        for name in sorted(file):
            array = file[name][()]
            yield f"{name} {array.dtype} {array.shape}".encode()
            yield np.ascontiguousarray(array).tobytes()
            yield from _attributes(file[name])


def _attributes(item: h5py.Group | h5py.Dataset) -> Iterator[bytes]:
    yield _text({name: str(value) for name, value in item.attrs.items() if name != KEY})


def _parquet(path: Path) -> Iterator[bytes]:
    return _value(pd.read_parquet(path))


def _safetensors(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    (size,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + size])
    entries = header.pop("__metadata__", {})
    yield _text(header)
    yield from (_text(json.loads(entries[name])) for name in sorted(entries))
    yield content[8 + size :]


def _png(path: Path) -> Iterator[bytes]:
    """Every chunk but that of the record."""
    content, start = path.read_bytes(), PNG_HEAD
    while start < len(content):
        (size,) = struct.unpack_from(">I", content, start)
        chunk = content[start : start + size + PNG_FRAME]
        if not chunk[8:].startswith(KEY.encode() + b"\0"):
            yield chunk
        start += len(chunk)


def _pdf(path: Path) -> Iterator[bytes]:
    """Without the record and the place of the table that stands behind it."""
    yield re.sub(rb"startxref\s+\d+", b"", PDF_TEXT.sub(b"", path.read_bytes()))


READERS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    ".h5": _hdf5,
    ".parquet": _parquet,
    ".safetensors": _safetensors,
    ".png": _png,
    ".pdf": _pdf,
    ".json": _json,
}
