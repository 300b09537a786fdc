"""`hopeworld clips`: whether the clips of a study are those of their tables; make them again."""

from __future__ import annotations

import argparse
from pathlib import Path

from hopeworld.commands.checking import Found, print_problems, print_repairs
from hopeworld.simulation.repair import repair, tables, verify


def check(chosen: argparse.Namespace) -> None:
    """Read every clip and print every problem; raise where there is one."""
    checked = ((table, list(broken.values())) for table, broken in verify(chosen.results))
    print_problems(checked, _count(chosen.results), f"hopeworld clips repair {chosen.results}")


def mend(chosen: argparse.Namespace) -> None:
    """Make broken and missing clips and tables again; raise if one cannot be."""
    _count(chosen.results)
    print_repairs(repair(chosen.results))


def _count(results: Path) -> int:
    """How many shards of clips there are; raises `Found` if there are none."""
    count = len(tables(results))
    if not count:
        raise Found(f"{results}: no clips; make them with the workflow")
    return count
