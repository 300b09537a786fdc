"""Print what a check or a repair finds, one line per problem, with the progress of a long one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from hopeworld.progress import clear, tracked


class Found(ValueError):
    """Files that are not what they should be."""


def print_problems(
    checked: Iterable[tuple[Path, Collection[str]]], total: int, repair: str, unit: str = "shards"
) -> None:
    """Print the problems of files as they come; raise `Found` with their number."""
    wrong = 0
    for _, problems in tracked(checked, "verify", total, unit):
        for problem in problems:
            clear()
            print(problem, flush=True)
        wrong += len(problems)
    if wrong:
        raise Found(f"{wrong} problems; run `{repair}`")
    print(f"{total} {unit}, nothing wrong")


def print_repairs(lines: Iterable[str]) -> None:
    """Print what was repaired; raise `Found` with the number of files that were not."""
    failed, count = 0, 0
    for line in lines:
        clear()
        print(line, flush=True)
        count += 1
        failed += ": not repaired: " in line
    if failed:
        raise Found(f"{failed} of {count} files could not be repaired")
    print(f"{count} files repaired" if count else "nothing to repair")
