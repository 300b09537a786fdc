"""The files of a folder, to see that nothing but what was meant has changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import h5py


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and modification time (ns) of every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def flip_latent(path: Path, row: int) -> None:
    """Flip one bit of a row's latent in a feature shard."""
    with h5py.File(path) as file:
        latent = file["latent"]
        position = latent.id.get_offset() + row * latent[0].nbytes + 11
    flip(path, position)


def flip(path: Path, position: int) -> None:
    """Flip one bit of a file in place, and leave its time as it is, as a failing disk does."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
