"""Make broken or missing feature shards again, from their clips, as they were made.

The settings are those of the index, else of the shards beside it. A whole shard that is newer than
the index is left: it may be right and the index out of date. The new shard takes its place
when it is whole; where its checksums are the old ones it takes the modification time of its clips,
so that the workflow computes nothing again. It carries the record of the job that it was made by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hopeworld.features.encoder import EncodeJob, encode_shard
from hopeworld.features.index import (
    Entry,
    every_shard,
    expected,
    table_of,
    usual_settings,
    verify,
)
from hopeworld.features.store import FeatureShard, StoreError
from hopeworld.features.weights import Architecture, vit_large
from hopeworld.files import exclusive, keep_time, move, workflow_time
from hopeworld.progress import tracked
from hopeworld.records import carrying, of_file
from hopeworld.settings import Encoder, read


@dataclass(frozen=True)
class Workshop:
    """Where shards are made again, and with what."""

    results: Path  # folder of the study
    resources: Path  # folder of weights.yaml
    device: str = "cpu"
    memory_mb: int = 4000
    architecture: Callable[[int], Architecture] = vit_large


def repair(shop: Workshop) -> Iterator[str]:
    """Make every shard again that `verify` finds fault with; yield a line for each.

    A shard that cannot be made again stays as it is, and its line says why.
    """
    checked = tracked(verify(shop.results), "features", len(every_shard(shop.results)), "shards")
    for path, problems in checked:
        if problems:
            try:
                entry = expected(shop.results, path)
                yield f"{path}: {_made_again(shop, path, entry)}"
            except ValueError as error:
                yield f"{path}: not repaired: {error}"


def _made_again(shop: Workshop, path: Path, entry: Entry) -> str:
    """Put a new shard at `path` and say how it compares with the old one."""
    settings = entry.get("settings") or usual_settings(shop.results, path)
    if not settings:
        raise StoreError("no index and no other shard tells how; delete it and run the workflow")
    table = table_of(shop.results, path)
    old = entry.get("crc32c") or _stated(path)
    part = path.with_name(f"{path.stem}.repair.h5")
    with exclusive(path):
        with carrying(of_file(shop.results, path)):
            encode_shard(_job(shop, settings, table, part))
        new = FeatureShard(part).crc32c.tolist()
        move(part, path)
        if new == old:
            keep_time(path, max(map(workflow_time, (table, table.with_suffix("")))))
    if new == old:
        return "made again, the same as before"
    if not old:
        return "made again; nothing tells what it was before"
    return "made again, but not the same; run the workflow, which computes again what used it"


def _job(shop: Workshop, settings: Entry, table: Path, output: Path) -> EncodeJob:
    """The job that made the shard, with another output."""
    names = Encoder.__dataclass_fields__
    return EncodeJob(
        table=table,
        clips=table.with_suffix(""),
        output=output,
        resources=shop.resources,
        settings=read(Encoder, {name: settings[name] for name in names}, "encoder"),
        architecture=shop.architecture(settings["image_px"]),
        device=shop.device,
        steps=settings["steps"],
        memory_mb=shop.memory_mb,
    )


def _stated(path: Path) -> list[int]:
    """The checksums that a broken shard states; [] where they cannot be read."""
    try:
        return FeatureShard(path).crc32c.tolist()
    except (StoreError, ValueError):
        return []
