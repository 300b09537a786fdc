"""Puts a measured table into docs/benchmarks.md, between the marks of its device."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rounds import ROOT
from hopeworld.marks import between

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def write_table(device: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the marks; raises ValueError if they are missing."""
    document.write_text(with_table(device, text, document.read_text(), f"docs/{document.name}"))


def with_table(device: str, text: str, page: str, name: str = "docs/benchmarks.md") -> str:
    """The page with `text` as the table of `device`; `name` says which it is."""
    marks = f"<!-- table: {device} -->", f"<!-- end of table: {device} -->"
    return between(page, marks, f"\n{text.strip()}\n", name)
