"""Puts a measured table into docs/benchmarks.md, between the marks of its device."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rounds import ROOT

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def write_table(device: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the marks; raises ValueError if they are missing."""
    document.write_text(with_table(device, text, document.read_text()))


def with_table(device: str, text: str, page: str) -> str:
    """The page with `text` as the table of `device`."""
    start, end = f"<!-- table: {device} -->", f"<!-- end of table: {device} -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"docs/benchmarks.md: marks are missing; write {start} and {end} into it")
    return f"{before}{start}\n\n{text.strip()}\n\n{end}{after}"
