"""Pretrained weights by name: resources/weights.yaml, and the folder that each name fills.

Every name stands for one file, pinned by revision, size and sha256. `fetch_weights` downloads it
once into resources/weights/<name>/; a file copied there by hand is as good. `locate` compares it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path

import yaml

from hopeworld.features.download import download, length
from hopeworld.files import exclusive, move, write_error_named, write_json

RECORD = "manifest.json"
META_SUFFIXES = (".pt", ".pth")


class WeightsError(ValueError):
    """Encoder weights that are missing, unreadable or not the ones that were pinned."""

    def __init__(self, path: str | os.PathLike, problem: str, remedy: str):
        super().__init__(f"weights {path}: {problem}; {remedy}")


@dataclass(frozen=True)
class Entry:
    """One entry of weights.yaml: a file of a repository at a revision."""

    source: str  # URL of the repository
    revision: str
    licence: str
    file: str  # its path in the repository; in the folder of the entry it has its last name
    sha256: str
    bytes: int

    @property
    def url(self) -> str:
        """Where the file is published."""
        return f"{self.source}/resolve/{self.revision}/{self.file}"

    def path(self, folder: Path) -> Path:
        """Where the file lies in the folder of the entry."""
        return folder / Path(self.file).name


def locate(weights: str, resources: Path) -> tuple[Path, str | None]:
    """Return what the setting `encoder.weights` names, and its sha256 if that is pinned.

    A folder in the format of transformers, or Meta's .pt file. A name of weights.yaml comes before
    a path of the same spelling; its file is compared with its pins. Raises `WeightsError`.
    """
    entries = read_manifest(resources)
    if weights in entries:
        entry, folder = entries[weights], _folder(weights, resources)
        path, command = entry.path(folder), _command(weights, resources)
        if not path.exists():
            raise WeightsError(path, "not there", f"run: {command}")
        verify(path, entry, f"delete it and run: {command}")
        return path if path.suffix in META_SUFFIXES else folder, entry.sha256
    path = Path(weights)
    if not path.exists():
        remedy = f"use random, one of {', '.join(entries)}, or the path of a folder or .pt file"
        raise WeightsError(weights, "no such name, folder or file", remedy)
    return path, None


def read_manifest(resources: Path) -> dict[str, Entry]:
    """Read the entries of weights.yaml by name."""
    entries = yaml.safe_load((resources / "weights.yaml").read_text())
    return {name: Entry(**entry) for name, entry in entries.items()}


def fetch_weights(name: str, resources: Path) -> Path:
    """Download the file of the entry `name`, unless it is there; return its folder.

    What an earlier run left half done is continued. The record of the entry is written last, when
    size and sha256 are those of weights.yaml. Raises `WeightsError`: an unknown name, no network,
    no room, or another file than the pinned one; `InUse` while another process fetches it, and
    `DiskFull`.
    """
    entries = read_manifest(resources)
    if name not in entries:
        raise WeightsError(name, "not in weights.yaml", f"use one of {', '.join(entries)}")
    entry, folder = entries[name], _folder(name, resources)
    path = entry.path(folder)
    with exclusive(path):
        if path.exists():
            verify(path, entry, "delete it and run this again")
        else:
            _fetch(entry, path)
        write_json(folder / RECORD, asdict(entry))
    return folder


def verify(path: Path, entry: Entry, remedy: str) -> None:
    """Compare size and sha256 of the file at `path` with those of `entry`."""
    if length(path) != entry.bytes:
        raise WeightsError(path, f"has {length(path)} bytes, not {entry.bytes}", remedy)
    print(f"weights: comparing the sha256 of {path}", flush=True)
    found = digest([path])
    if found != entry.sha256:
        raise WeightsError(path, f"sha256 is {found}, not {entry.sha256}", remedy)


def digest(files: list[Path]) -> str:
    """sha256 of the bytes of `files`, one after the other."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                total.update(block)
    return total.hexdigest()


def _fetch(entry: Entry, path: Path) -> None:
    """Download beside `path`, compare, and only then give the file its name."""
    part = _part(entry, path)
    _check_room(part, entry.bytes)
    try:
        with write_error_named(path, "the weights"):
            download(entry.url, part, entry.bytes)
    except (OSError, HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        remedy = f"run this again to continue, or copy {entry.url} to {path}, or use random"
        raise WeightsError(path, f"cannot be fetched ({reason})", remedy) from error
    try:
        verify(part, entry, "it was deleted; run this again")
    except WeightsError:
        part.unlink()
        raise
    move(part, path)


def _part(entry: Entry, path: Path) -> Path:
    """What of the pinned file is there so far; what is left of other pins is removed."""
    part = path.with_name(f"{path.name}.{entry.sha256[:12]}.part")
    for other in path.parent.glob(f"{path.name}.*part"):
        if other != part:
            other.unlink()
    return part


def _check_room(part: Path, size: int) -> None:
    needed, free = size - length(part), shutil.disk_usage(part.parent).free
    if needed > free:
        problem = f"{needed / 1e9:.3f} GB are missing, {free / 1e9:.3f} GB of disk are free"
        raise WeightsError(part, problem, "make room and run this again")


def _folder(name: str, resources: Path) -> Path:
    return resources / "weights" / name


def _command(name: str, resources: Path) -> str:
    """What fetches the weights, in the folder that holds `resources`."""
    return f"snakemake --cores 1 --force {_folder(name, Path(resources.name)) / RECORD}"
