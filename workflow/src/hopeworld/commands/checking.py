"""Print what a check or a repair finds, one line per problem, with the progress of a long one."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

SECONDS_BETWEEN_LINES = 5.0

Item = TypeVar("Item")


class Found(ValueError):
    """Files that are not what they should be."""


def print_problems(
    checked: Iterable[tuple[Path, Collection[str]]], total: int, repair: str
) -> None:
    """Print the problems of files as they come; raise `Found` with their number."""
    wrong = 0
    for _, problems in reported(checked, total):
        for problem in problems:
            print(problem, flush=True)
        wrong += len(problems)
    if wrong:
        raise Found(f"{wrong} problems; run `{repair}`")
    print(f"{total} shards, nothing wrong")


def reported(items: Iterable[Item], total: int) -> Iterator[Item]:
    """Pass `items` on and print every few seconds how many have gone by, and the time left."""
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last > SECONDS_BETWEEN_LINES:
            left_s = (total - done) * (now - start) / done
            print(f"{done}/{total} shards, {left_s:.0f} s left", flush=True)
            last = now


def print_repairs(lines: Iterable[str]) -> None:
    """Print what was repaired; raise `Found` with the number of files that were not."""
    failed, count = 0, 0
    for line in lines:
        print(line, flush=True)
        count += 1
        failed += ": not repaired: " in line
    if failed:
        raise Found(f"{failed} of {count} files could not be repaired")
    print(f"{count} files repaired" if count else "nothing to repair")
