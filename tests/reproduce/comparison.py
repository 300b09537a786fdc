"""A run of the smoke study against the committed one: digests where it was made, else numbers."""

from __future__ import annotations

import csv
import fnmatch
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopeworld.files import read_json, write_json
from hopeworld.records import KEY, read_all
from tests.reproduce.contents import LEFT_OUT, digest

FOLDER = Path(__file__).parent
HASHES = FOLDER / "smoke.json"
NUMBERS = FOLDER / "numbers"
MADE_WITH = ("platform", "versions", "device")

# Relative and absolute tolerance where another processor or library rounds otherwise: twice what
# was measured between AVX-512 and AVX2, and with no instructions beyond SSE, when the features of
# this study were bfloat16. Now they are float32.
TOLERANCES = {
    "validity.json": (1e-6, 1e-9),
    "probing/decoder.json": (6e-2, 1e-2),
    "tables/contrasts.csv": (6e-2, 8e-2),
    "tables/*.csv": (6e-2, 2e-3),
}
# Times; a table ten times the size of all others; ratios of two numbers that are nearly zero.
NOT_NUMBERS = ("tables/costs.csv", "tables/metrics.csv", "tables/memory_geometry.csv")
# The best of numbers that are compared, which may be nearly equal.
CHOICES = ("best",)


@dataclass(frozen=True)
class Comparison:
    """How a run was compared, in one sentence, and what differs, one line each."""

    how: str
    differences: list[str]


def compare(results: Path) -> Comparison:
    """Compare a finished smoke study: byte for byte where the committed one was made, else numbers.

    The bytes are those of the contents: see `contents`.
    """
    known = read_json(HASHES)
    others = sorted(_other_places(known["made_with"], made_with(results)))
    if others:
        how = f"numbers within tolerances, for {', '.join(others)}"
        return Comparison(how, list(_number_differences(results)))
    how = f"the contents of {len(known['files'])} files exactly, on the platform they are of"
    return Comparison(how, list(_digest_differences(known["files"], digests(results))))


def update(results: Path) -> None:
    """Make a finished smoke study the committed one."""
    write_json(HASHES, {"made_with": made_with(results), "files": digests(results)})
    shutil.rmtree(NUMBERS, ignore_errors=True)
    for name in _number_files(results):
        (NUMBERS / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results / name, NUMBERS / name)


def digests(results: Path) -> dict[str, str]:
    """A digest of every file that a record names, by its path below the study."""
    names = {name for record in read_all(results).values() for name in record["outputs"]}
    return {name: digest(results / name, name) for name in sorted(names - set(LEFT_OUT))}


def made_with(results: Path) -> dict[str, Any]:
    """Platform, versions and device of all jobs, each value once: one machine made the study."""
    found: dict[str, set[str]] = {}
    for record in read_all(results).values():
        for part in MADE_WITH:
            values = record[part] if isinstance(record[part], dict) else {part: record[part]}
            for name, value in values.items():
                found.setdefault(name, set()).add(value)
    return {name: " and ".join(sorted(values)) for name, values in sorted(found.items())}


def _other_places(known: dict[str, str], here: dict[str, str]) -> Iterator[str]:
    for name in {*known, *here}:
        if known.get(name) != here.get(name):
            yield f"{name} is {here.get(name)}, not {known.get(name)}"


def _digest_differences(known: dict[str, str], here: dict[str, str]) -> Iterator[str]:
    for name in sorted({*known, *here}):
        if name not in here:
            yield f"{name}: missing"
        elif name not in known:
            yield f"{name}: new"
        elif known[name] != here[name]:
            yield f"{name}: differs"


def _number_files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.*")))
    return [n for n in found if n not in NOT_NUMBERS and _tolerance(n)]


def _tolerance(name: str) -> tuple[float, float] | None:
    return next((t for p, t in TOLERANCES.items() if fnmatch.fnmatchcase(name, p)), None)


def _number_differences(results: Path) -> Iterator[str]:
    for name in _number_files(NUMBERS):
        if not (results / name).exists():
            yield f"{name}: missing"
            continue
        known, here = _values(NUMBERS / name), _values(results / name)
        wrong = [place for place in known if not _is_close(known[place], here.get(place), name)]
        if known.keys() != here.keys():
            yield f"{name}: has other rows, columns or keys"
        elif wrong:
            first = wrong[0]
            yield f"{name}: {len(wrong)} values, {first} is {here[first]}, not {known[first]}"


def _is_close(known: Any, here: Any, name: str) -> bool:
    try:
        pair = float(known), float(here)
    except (TypeError, ValueError):
        return known == here
    relative, absolute = _tolerance(name)
    return all(map(math.isnan, pair)) or math.isclose(*pair, rel_tol=relative, abs_tol=absolute)


def _values(path: Path) -> dict[str, Any]:
    """Every cell of a table, or leaf of a tree, by its place."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = enumerate(csv.DictReader(file))
            cells = ((i, name, cell) for i, row in rows for name, cell in row.items())
            return {f"row {i}, {name}": cell for i, name, cell in cells if name not in CHOICES}
    return dict(_leaves(json.loads(path.read_text()), ""))


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            if key != KEY:
                yield from _leaves(part, f"{place}/{key}")
    else:
        yield place, value
