"""Every final file of a study against that of the uninterrupted run."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open

UNFINISHED = ".tmp."
SNAKEMAKE = ".snakemake_timestamp"


def _table(path: Path) -> Any:
    return pd.read_parquet(path).drop(columns="time_ms")


def _cost(path: Path) -> Any:
    return {k: v for k, v in json.loads(path.read_text()).items() if k != "time_ms"}


def _costs_csv(path: Path) -> Any:
    table = pd.read_csv(path)
    return table[[name for name in table if "time" not in name]]


def _costs_tex(path: Path) -> Any:
    """The lines without their last number, the time."""
    return [re.sub(r"& *[^&]*(\\\\)$", r"\1", line) for line in path.read_text().splitlines()]


def _benchmark(path: Path) -> Any:
    table = pd.read_csv(path, sep="\t")
    return [len(table), list(table)]


def _log(path: Path) -> Any:
    return [line for line in path.read_text().splitlines() if line.startswith("error: ")]


def _products(path: Path) -> Any:
    """A record or the manifest, without size and sha256 of the files with times."""
    found = json.loads(path.read_text())
    for name, about in found.get("outputs", found.get("files")).items():
        if timed_of(name):
            about |= {"bytes": 0, "sha256": ""}
    return found


def _checkpoint(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _report(path: Path) -> Any:
    """The pictures and tables of the report, with captions; of costs no bytes."""
    text = path.read_text()
    start = text.index("{", text.index('<script id="results">'))
    results, _ = json.JSONDecoder().raw_decode(text, start)
    for name in results:
        if "/tables/costs." in name:
            results[name] |= {"data_uri": "", "size": ""}
    # Snakemake lists them in an order of its own, another one every time.
    return dict(sorted(results.items()))


@dataclass(frozen=True)
class Timed:
    """Files that hold measured times: why, and what else is in them."""

    pattern: str
    reason: str
    content: Callable[[Path], Any]


# All other files are compared byte for byte.
TIMED = (
    Timed("logs/*", "rates and times; no error may be in the log of what ended well", _log),
    Timed("benchmarks/*", "Snakemake's measurements; the same rows and columns", _benchmark),
    Timed("*/stream.parquet", "the time of every transition, column time_ms", _table),
    Timed("adaptation/*/cost.json", "the median of those times, time_ms", _cost),
    Timed("tables/costs.csv", "the same per method", _costs_csv),
    Timed("tables/costs.tex", "the same per method", _costs_tex),
    Timed("report.html", "when and how long its jobs ran, and the costs", _report),
    Timed("records/*", "the sha256 of these files", _products),
    Timed("manifest.json", "the same", _products),
    Timed(
        "*/checkpoint/state.pt",
        "the same values; pickle writes loaded ones in other words",
        _checkpoint,
    ),
)


class Comparison:
    """Compares folders of results with the reference; a file that has not changed is read once."""

    def __init__(self, reference: Path):
        self._reference = reference
        self._names = {str(path.relative_to(reference)) for path in final_files(reference)}
        self._known: dict[tuple[str, int, int, int], str] = {}

    def of_all(self, results: Path) -> list[str]:
        """What differs in a finished study: contents, files that are missing or too many."""
        found = {str(path.relative_to(results)) for path in final_files(results)}
        lines = [f"{name}: missing" for name in sorted(self._names - found)]
        lines += [f"{name}: not in the reference" for name in sorted(found - self._names)]
        lines += self._differences(results, sorted(found & self._names))
        return lines + [f"{path}: left unfinished" for path in unfinished_files(results)]

    def of_whole_files(self, results: Path) -> list[str]:
        """What differs in an interrupted study: of the files that are there."""
        lines = []
        for path in final_files(results):
            name = str(path.relative_to(results))
            if "checkpoint" in path.parts:
                lines += _unreadable(path)
            elif not name.startswith(("logs/", "benchmarks/")):
                lines += self._differences(results, [name])
        return lines

    def _differences(self, results: Path, names: list[str]) -> list[str]:
        lines = []
        for name in names:
            stat = (results / name).stat()
            key = (str(results / name), stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if key not in self._known:
                self._known[key] = _difference(self._reference / name, results / name, name)
            lines += [self._known[key]] if self._known[key] else []
        return lines


def final_files(results: Path) -> Iterator[Path]:
    """Every file below a folder under its final name."""
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        is_ours = path.is_file() and path.name != SNAKEMAKE
        if is_ours and UNFINISHED not in name and path.suffix != ".lock":
            yield path


def unfinished_files(results: Path) -> list[Path]:
    """What killed writers have left: temporary files and locks."""
    return [p for p in results.rglob("*") if UNFINISHED in p.name or p.suffix == ".lock"]


def _difference(one: Path, other: Path, name: str) -> str:
    """A line on how a file differs from the reference; '' if it does not."""
    if not one.exists():
        return f"{name}: not in the reference"
    timed = timed_of(name)
    if _digest(one) == _digest(other):
        return ""
    if timed is None:
        return f"{name}: {other.stat().st_size} bytes that differ from the reference"
    try:
        differs = not same(timed.content(one), timed.content(other))
    except Exception as error:
        return f"{name}: not readable ({type(error).__name__}: {error})"
    return f"{name}: differs in more than times" if differs else ""


def timed_of(name: str) -> Timed | None:
    """What is said of the times in a file of a study; None where it holds none."""
    return next((timed for timed in TIMED if fnmatch.fnmatch(name, timed.pattern)), None)


def same(one: Any, other: Any) -> bool:
    """Whether two trees of containers, tables, tensors and numbers are equal; NaN equals NaN."""
    if isinstance(one, pd.DataFrame):
        return isinstance(other, pd.DataFrame) and one.equals(other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and _all_same(list(one.values()), list(other.values()))
        )
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and _all_same(one, other)
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, float) and np.isnan(one):
        return isinstance(other, float) and bool(np.isnan(other))
    return bool(one == other)


def _all_same(first: Any, second: Any) -> bool:
    return all(same(a, b) for a, b in zip(first, second, strict=True))


def _unreadable(path: Path) -> list[str]:
    """A line if a file of resumable state is not whole."""
    try:
        if path.suffix == ".pt":
            _checkpoint(path)
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="np") as file:
                names = file.keys()
                _ = [file.get_tensor(name) for name in names]
    except Exception as error:
        return [f"{path}: not whole ({type(error).__name__}: {error})"]
    return []


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
