"""`hopeworld features`: what the feature shards of a study are, and whether they still are."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from hopeworld.commands.checking import print_problems
from hopeworld.features.index import INDEX, Entry, every_shard, index, recorded, shards, verify
from hopeworld.features.store import StoreError
from hopeworld.files import write_json

HEADER = ("features", "shards", "clips", "MB", "mode", "dtype", "config", "weights")


def info(chosen: argparse.Namespace) -> None:
    """Print a table of the shards; write the index where there is none, or when asked to."""
    paths = shards(chosen.results)
    if not paths:
        raise StoreError(f"{chosen.results}: no feature shards; make them with the workflow")
    found = index(chosen.results, paths)
    path = chosen.results / INDEX
    if chosen.rebuild or not recorded(chosen.results):
        write_json(path, found)
        print(f"wrote {path}")
    print(as_text(found))


def as_text(found: Mapping[str, Entry]) -> str:
    """An aligned table with a line for each split and domain; every shard has its own config."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for name, entry in found.items():
        groups[Path(name).parent.as_posix().removeprefix("features/")].append(entry)
    rows = [HEADER, *(_row(name, entries) for name, entries in groups.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in padded)


def _row(name: str, entries: list[Entry]) -> tuple[str, ...]:
    clips = sum(len(entry["clips"]) for entry in entries)
    size = sum(entry["bytes"] for entry in entries) / 1e6
    kinds = [_first(entry[key] for entry in entries) for key in HEADER[4:]]
    return (name, str(len(entries)), str(clips), f"{size:.1f}", *kinds)


def _first(values: Iterable[str]) -> str:
    """The first of some values and how many others there are."""
    first, *others = dict.fromkeys(values)
    return f"{first} + {len(others)}" if others else first


def check(chosen: argparse.Namespace) -> None:
    """Print every problem of the shards; raise where there is one."""
    paths = every_shard(chosen.results)
    if not paths:
        raise StoreError(f"{chosen.results}: no feature shards; make them with the workflow")
    repair = f"hopeworld features repair {chosen.results}"
    print_problems(verify(chosen.results), len(paths), repair)
