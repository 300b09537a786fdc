"""The index of a study's features: what every shard holds, with the checksum of every clip.

It is made from the shards alone and can be made again at any time. What a shard was when the index
was written is what `verify` holds it against, and what a broken or missing one is made again from.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hopeworld.features.store import FeatureShard, StoreError
from hopeworld.files import read_json
from hopeworld.simulation.table import digest

INDEX = Path("features", "index.json")
NAME = "[0-9]" * 5 + ".h5"
FOLDERS = ("features/*", "leakage/*/*")

Entry = dict[str, Any]


def index(results: Path, paths: Iterable[str | os.PathLike]) -> dict[str, Entry]:
    """Describe shards, by their path below the folder of the study.

    Raises `StoreError` or `CorruptShard`. The checksums are those that the shards state: the
    latents are not read.
    """
    return {Path(path).relative_to(results).as_posix(): describe(path) for path in sorted(paths)}


def describe(path: str | os.PathLike) -> Entry:
    """What a shard holds and how it was made; raises `StoreError` or `CorruptShard`."""
    shard = FeatureShard(path)
    header = shard.header
    return {
        "clips": shard.clip.tolist(),
        "shape": list(shard.shape),
        "bytes": os.path.getsize(path),
        "config": header.config,
        "weights": header.weights,
        "mode": header.mode,
        "dtype": header.dtype,
        "software": header.software,
        "settings": json.loads(header.settings),
        "crc32c": shard.crc32c.tolist(),
        "sha256": digest(np.frombuffer(header.config.encode(), np.uint8), shard.clip, shard.crc32c),
    }


def shards(results: Path) -> list[Path]:
    """The feature shards of a study, those of the leakage study among them."""
    return sorted(path for folder in FOLDERS for path in results.glob(f"{folder}/{NAME}"))


def recorded(results: Path) -> dict[str, Entry]:
    """The index as it was written; {} where there is none. Raises `StoreError`."""
    path = results / INDEX
    try:
        return read_json(path) if path.exists() else {}
    except ValueError as error:
        remedy = f"run `hopeworld features info --rebuild {results}`"
        raise StoreError(f"{path}: not readable ({error}); {remedy}") from error


def every_shard(results: Path) -> list[Path]:
    """The shards that are there and those that the index says should be. Raises `StoreError`."""
    return sorted({*shards(results), *(results / name for name in recorded(results))})


def table_of(results: Path, shard: Path) -> Path:
    """The clip table that a feature shard was made from."""
    kind, *folders = shard.relative_to(results).parts
    part = folders[0] if kind == "features" else f"leakage_{folders[1]}"
    return results / "clips" / part / shard.name


def verify(results: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield every shard that is there or should be, with what is wrong with it: one line each.

    Checked are the file, the checksum of every clip, the config and the checksums of the index,
    that all shards were made alike, and that the clips are those of the clip table.
    """
    known = {results / name: entry for name, entry in recorded(results).items()}
    usual = _usual(_readable(shards(results)) | known)
    for path in sorted({*known, *shards(results)}):
        try:
            shard = FeatureShard(path)
            problems = [*_broken_clips(shard), *_differences(shard, known.get(path), usual)]
            yield path, problems + _strangers(shard, table_of(results, path))
        except StoreError as error:
            yield path, [str(error)]


def expected(results: Path, path: Path) -> Entry:
    """What a broken shard was: as the index says, or as it says itself if it is newer.

    {} where the index knows nothing of it, or is older than the settings of the shards beside it.
    Raises `StoreError` if it is whole and newer: the workflow may have made it with new settings.
    """
    entry = recorded(results).get(path.relative_to(results).as_posix(), {})
    own = _readable([path] if path.exists() else []).get(path)
    if not entry or not own:
        beside = entry and _usual_beside(results, path)
        is_stale = beside and not _is_alike(_making(entry["weights"], entry["settings"]), beside)
        return {} if is_stale else entry
    is_older = path.stat().st_mtime_ns <= (results / INDEX).stat().st_mtime_ns
    if is_older or own["sha256"] == entry["sha256"]:
        return entry
    if not any(_broken_clips(FeatureShard(path))):
        remedy = f"if the workflow made it, run `hopeworld features info --rebuild {results}`"
        raise StoreError(f"whole, newer than {INDEX.name}; {remedy}, else delete it and run again")
    return own


def usual_settings(results: Path, path: Path) -> Entry | None:
    """The settings of most other shards of the kind of `path`; None if it is alone."""
    usual = _usual_beside(results, path)
    return usual and json.loads(usual)["settings"]


def _usual_beside(results: Path, path: Path) -> str | None:
    others = _readable(other for other in shards(results) if other != path)
    return _usual(others).get(path.parents[1])


def _readable(paths: Iterable[Path]) -> dict[Path, Entry]:
    found = {}
    for path in paths:
        try:
            found[path] = describe(path)
        except StoreError:
            continue
    return found


def _usual(entries: Mapping[Path, Entry]) -> dict[Path, str]:
    """How most shards were made, by kind: the folder `features`, or that of a mode of `leakage`."""
    made: dict[Path, Counter[str]] = defaultdict(Counter)
    for path, entry in entries.items():
        made[path.parents[1]][_making(entry["weights"], entry["settings"])] += 1
    return {kind: counts.most_common(1)[0][0] for kind, counts in made.items()}


def _making(weights: str, settings: Entry) -> str:
    return json.dumps({"weights": weights, "settings": settings}, sort_keys=True)


def _is_alike(one: str, other: str) -> bool:
    """Whether two shards were made alike, but for the batch: that is chosen on each machine."""
    made, others = json.loads(one), json.loads(other)
    for making in (made, others):
        making["settings"].pop("batch", None)
    return made == others


def _broken_clips(shard: FeatureShard) -> Iterator[str]:
    """A line for each clip whose checksum does not match."""
    shard.prefetch(np.arange(len(shard)))
    for row in range(len(shard)):
        try:
            shard.latent(row)
        except StoreError as error:
            yield str(error)


def _differences(
    shard: FeatureShard, entry: Entry | None, usual: Mapping[Path, str]
) -> Iterator[str]:
    """A line where a shard is not the one of the index, or not made as the others were."""
    path, header = shard.path, shard.header
    if entry and header.config != entry["config"]:
        yield f"{path}: has config {header.config}, not {entry['config']} as in {INDEX.name}"
    elif entry and shard.crc32c.tolist() != entry["crc32c"]:
        yield f"{path}: its checksums are not those of {INDEX.name}"
    making = _making(header.weights, json.loads(header.settings))
    if not _is_alike(making, usual[path.parents[1]]):
        yield f"{path}: made with {making}, others with {usual[path.parents[1]]}"


def _strangers(shard: FeatureShard, table: Path) -> list[str]:
    """A line if the clips of a shard are not those of its table, where that can be read."""
    try:
        with h5py.File(table, "r") as file:
            is_same = np.array_equal(file["clip"][:], shard.clip)
    except (OSError, KeyError):
        return []
    return [] if is_same else [f"{shard.path}: its clips are not those of {table}"]
