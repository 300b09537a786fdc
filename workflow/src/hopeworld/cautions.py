"""The warnings of a study: what its results say, and what its jobs said in their logs.

A job says `warning: <text>`, or `warning: <text> [<about>]`, for what the machine or a library
does, and `caution: <text> [<about>]` for what its result means. What all results mean together is
in `cautions.json`, a product of the study, so a killed and resumed run warns like any other; a
`caution` in a log of the jobs that it sums up counts only as long as that file is not there for
the results that are.
Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hopeworld.files import read_json

PRODUCT = "cautions.json"
# What the product is made from.
SOURCES = ("training/*/gate.json", "adaptation/*/*/stream.parquet")
# The logs of what it does not sum up.
BESIDE = "tune_method"
LINE = re.compile(r"(warning|caution): (.*?)(?: \[([^\[\]]+)\])?\s*$")
SHOWN = 4


@dataclass(frozen=True)
class Caution:
    """One warning and whom it is about: runs, trainings, jobs or files."""

    text: str
    about: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.about) - SHOWN
        names = ", ".join(self.about[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"{self.text} ({len(self.about)}: {names})"


def grouped(pairs: Iterable[tuple[str, str]]) -> list[Caution]:
    """Cautions from (text, about), each text once, in the order of their first."""
    found: dict[str, dict[str, None]] = {}
    for text, about in pairs:
        found.setdefault(text, {})[about] = None
    return [Caution(text, tuple(names)) for text, names in found.items()]


def collected(results: Path, logs: Iterable[Path] | None = None) -> list[Caution]:
    """The warnings of a study: of its results, then of its jobs.

    logs: of the jobs that count; by default all that are there.
    """
    paths = sorted((results / "logs").rglob("*.log")) if logs is None else logs
    folder, of_results = results / "logs", _of_product(results)
    unsummed = [path for path in paths if path.is_relative_to(folder / BESIDE)]
    if of_results is None:
        unsummed, of_results = paths, []
    of_logs = _of_logs(unsummed, folder, "caution") + _of_logs(paths, folder, "warning")
    return of_results + of_logs


def block(cautions: list[Caution]) -> str:
    """What the terminal shows at the end of a run."""
    if not cautions:
        return "No warnings."
    count = f"{len(cautions)} warning{'s' if len(cautions) > 1 else ''}:"
    return "\n".join([count, *(f"  {one}" for one in cautions)])


def _of_product(results: Path) -> list[Caution] | None:
    """What `cautions.json` says; None if it is missing, damaged or older than a result."""
    path = results / PRODUCT
    if not path.exists():
        return None
    made_ns = path.stat().st_mtime_ns
    sources = (source for pattern in SOURCES for source in results.glob(pattern))
    if any(source.stat().st_mtime_ns > made_ns for source in sources):
        return None
    try:
        return [Caution(one["text"], tuple(one["about"])) for one in read_json(path)["cautions"]]
    except (ValueError, LookupError, TypeError):
        return None


def _of_logs(paths: Iterable[Path], folder: Path, wanted: str) -> list[Caution]:
    """The lines of one kind, of all logs together."""
    said = (line for path in paths for line in _said(path, folder))
    return grouped(pair for kind, *pair in said if kind == wanted)


def _said(path: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, text and whom it is about, of every warning in a log; the job where it names nobody."""
    if not path.exists():
        return
    place = path.relative_to(folder) if path.is_relative_to(folder) else path
    job = place.with_suffix("").as_posix()
    with path.open(errors="replace") as lines:
        for found in filter(None, map(LINE.match, lines)):
            kind, text, about = found.groups()
            yield kind, text, about or job
