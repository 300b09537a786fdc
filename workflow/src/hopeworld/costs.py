"""What a finished study cost: time and memory per rule from the benchmarks, disk per folder.

Standard library only.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("clips", "features", "training", "adaptation", "tables", "figures")


@dataclass(frozen=True)
class Cost:
    """Jobs of one rule: how many, wall seconds in all and of the longest, peak memory in MB."""

    rule: str
    jobs: int
    total_s: float
    longest_s: float
    peak_mb: float


def costs(results: Path) -> list[Cost]:
    """Read the benchmarks of a study, dearest rule first.

    Raises ValueError if there are none.
    """
    folder = results / "benchmarks"
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with path.open() as file:
            for row in csv.DictReader(file, delimiter="\t"):
                rows[rule].append((float(row["s"]), _number(row["max_rss"])))
    if not rows:
        raise ValueError(f"{folder}: no benchmarks; run the workflow first")
    found = [
        Cost(rule, len(jobs), sum(s for s, _ in jobs), max(jobs)[0], max(mb for _, mb in jobs))
        for rule, jobs in rows.items()
    ]
    return sorted(found, key=lambda cost: -cost.total_s)


def _number(text: str) -> float:
    """Snakemake writes NA or - for a job too short to be measured."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def disk_mb(results: Path) -> dict[str, float]:
    """Megabytes (1e6 bytes) in each folder of a study that exists."""
    return {
        name: sum(path.stat().st_size for path in (results / name).rglob("*") if path.is_file())
        / 1e6
        for name in FOLDERS
        if (results / name).is_dir()
    }


def as_markdown(results: Path) -> str:
    """Both as Markdown tables."""
    lines = [
        "| rule | jobs | all jobs, s | longest, s | peak memory, MB |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {c.rule} | {c.jobs} | {c.total_s:.0f} | {c.longest_s:.0f} | {c.peak_mb:.0f} |"
        for c in costs(results)
    ]
    lines += ["", "| folder | MB |", "|---|---|"]
    lines += [f"| {name} | {size:.1f} |" for name, size in disk_mb(results).items()]
    return "\n".join(lines)
