"""Where pretrained weights come from: resources/weights.yaml, and the folder that it fills.

`fetch_weights` downloads a named entry once into resources/weights/<name>/ and records there, in
manifest.json, the commit and the sha256 of every file; from then on `locate` compares.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from hopeworld.files import read_json, write_json

RECORD = "manifest.json"


class WeightsError(ValueError):
    """Encoder weights that are missing, unreadable or not the ones that were recorded."""

    def __init__(self, path: str | os.PathLike, problem: str, remedy: str):
        super().__init__(f"weights {path}: {problem}; {remedy}")


def locate(weights: str, resources: Path) -> Path:
    """Return the folder or file that the setting `encoder.weights` names, verified if recorded.

    A name of weights.yaml comes before a path of the same spelling. Raises `WeightsError`.
    """
    entries = read_manifest(resources)
    if weights in entries:
        folder = resources / "weights" / weights
        verify(folder, entries[weights])
        return folder
    path = Path(weights)
    if not path.exists():
        remedy = f"use random, one of {', '.join(entries)}, or the path of a folder or .pt file"
        raise WeightsError(weights, "no such name, folder or file", remedy)
    return path


def read_manifest(resources: Path) -> dict[str, Any]:
    """Read the entries of weights.yaml by name."""
    return yaml.safe_load((resources / "weights.yaml").read_text())


def fetch_weights(name: str, resources: Path) -> Path:
    """Download the entry `name` into resources/weights/<name>/ and return that folder.

    Files that lie there already are kept. What stands in the folder when there is no record yet
    is recorded; from then on it must match. Raises `WeightsError` for an unknown name, without a
    network, and for files that are not the recorded ones.
    """
    entries = read_manifest(resources)
    if name not in entries:
        raise WeightsError(name, "not in weights.yaml", f"use one of {', '.join(entries)}")
    entry, folder = entries[name], resources / "weights" / name
    here = all((folder / file).exists() for file in entry["files"])
    commit = entry["revision"] if here else _downloaded(name, entry, folder)
    if not (folder / RECORD).exists():
        sums = {file: digest([folder / file]) for file in entry["files"]}
        origin = {"repository": entry["repository"], "revision": commit or "copied by hand"}
        write_json(folder / RECORD, origin | {"sha256": sums})
    verify(folder, entry)
    return folder


def _downloaded(name: str, entry: dict[str, Any], folder: Path) -> str:
    try:
        return _download(entry, folder)
    except (HfHubHTTPError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        remedy = f"connect to the network, or copy {', '.join(entry['files'])} into {folder}"
        raise WeightsError(name, f"cannot be fetched ({reason})", remedy) from error


def _download(entry: dict[str, Any], folder: Path) -> str:
    """Download the files of `entry` into `folder`; return the commit that they come from."""
    cache = folder / "download"
    snapshot = Path(
        snapshot_download(
            entry["repository"],
            revision=entry["revision"],
            allow_patterns=list(entry["files"]),
            cache_dir=cache,
        )
    )
    for file in entry["files"]:
        os.replace((snapshot / file).resolve(), folder / file)
    shutil.rmtree(cache)
    return snapshot.name


def verify(folder: Path, entry: dict[str, Any]) -> None:
    """Compare the files of `entry` with the sha256 of weights.yaml, or else of the record."""
    fetch = f"run: snakemake --cores 1 {folder / RECORD}"
    missing = [file for file in entry["files"] if not (folder / file).exists()]
    if missing:
        raise WeightsError(folder, f"{', '.join(missing)} not there", fetch)
    recorded = read_json(folder / RECORD)["sha256"] if (folder / RECORD).exists() else {}
    for file, pinned in entry["files"].items():
        expected = pinned or recorded.get(file)
        if expected is None:
            raise WeightsError(folder / file, "sha256 not recorded", fetch)
        if digest([folder / file]) != expected:
            remedy = f"delete it and {fetch}"
            raise WeightsError(folder / file, "sha256 differs from the recorded one", remedy)


def digest(files: list[Path]) -> str:
    """sha256 of the bytes of `files`, one after the other."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                total.update(block)
    return total.hexdigest()
