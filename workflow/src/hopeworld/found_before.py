"""Fingerprints that an earlier start of Snakemake found: they hold while all code is the same.

To find them anew is a quarter of a dry run. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

CODE = (".py", ".smk")


class FoundBefore:
    """Texts by name, kept in `file` for as long as all code below `folder` is the same.

    A file that cannot be read or written is done without: it only saves time.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file
        self._code = _hash_of(folder)
        self._found = self._read()

    def get(self, name: str, find: Callable[[], str]) -> str:
        """What was found under this name, or is found now."""
        if name not in self._found:
            self._found[name] = find()
            with contextlib.suppress(OSError):
                self._write()
        return self._found[name]

    def _read(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(self._file.read_text())
            if isinstance(kept, dict) and kept.get("code") == self._code:
                return kept["found"]
        return {}

    def _write(self) -> None:
        """Put the file there at once, but not on the disk: what a crash leaves is not read."""
        part = self._file.with_suffix(f".tmp.{os.getpid()}")
        part.parent.mkdir(exist_ok=True)
        try:
            part.write_text(json.dumps({"code": self._code, "found": self._found}))
            part.replace(self._file)
        finally:
            part.unlink(missing_ok=True)


def _hash_of(folder: Path) -> str:
    """Hash the names and bytes of the code below a folder, and the Python that reads it."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in sorted(path for path in folder.rglob("*") if path.suffix in CODE):
        digest.update(f"\n{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
