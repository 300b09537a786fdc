"""Everyone who takes part, by group."""

from __future__ import annotations

import functools

from benchmarks import mixers, predictors, streams
from benchmarks.contestant import Contestant

# Rounds of the groups whose repeats take up to 17 s, and warm-ups before them.
FEWER = {predictors.GROWTH: (3, 1), streams.GROUP: (3, 1)}


@functools.cache
def everyone() -> tuple[Contestant, ...]:
    """All contestants, in the order of the table."""
    return (*mixers.contestants(), *predictors.contestants(), *streams.contestants())


def groups() -> tuple[str, ...]:
    """The names of the groups, in the order of the table."""
    return tuple(dict.fromkeys(c.group for c in everyone()))


def of_group(group: str) -> list[Contestant]:
    """The contestants of a group."""
    return [contestant for contestant in everyone() if contestant.group == group]


def find(group: str, name: str) -> Contestant:
    """The contestant of that group and name; raises KeyError if there is none."""
    return {(c.group, c.name): c for c in everyone()}[group, name]
