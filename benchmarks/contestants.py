"""Everyone who takes part, by group."""

from __future__ import annotations

import functools

from benchmarks import clips, encoding, mixers, predictors, store, streams
from benchmarks.contestant import MODES, Contestant

# Rounds of the groups whose repeats take up to 17 s, and warm-ups before them.
FEWER = {predictors.GROWTH: (3, 1), streams.GROUP: (3, 1)} | dict.fromkeys(encoding.GROUPS, (3, 1))

# Groups whose contestants have a type of their own: other modes of a device would change nothing.
OWN_TYPES = frozenset(encoding.GROUPS)


@functools.cache
def everyone() -> tuple[Contestant, ...]:
    """All contestants, in the order of the table."""
    modules = (mixers, predictors, streams, clips, encoding, store)
    return tuple(contestant for module in modules for contestant in module.contestants())


def modes(group: str, device: str) -> tuple[str, ...]:
    """The modes that a group runs in."""
    return MODES[device][:1] if group in OWN_TYPES else MODES[device]


def groups() -> tuple[str, ...]:
    """The names of the groups, in the order of the table."""
    return tuple(dict.fromkeys(c.group for c in everyone()))


def of_group(group: str) -> list[Contestant]:
    """The contestants of a group."""
    return [contestant for contestant in everyone() if contestant.group == group]


def find(group: str, name: str) -> Contestant:
    """The contestant of that group and name; raises KeyError if there is none."""
    return {(c.group, c.name): c for c in everyone()}[group, name]
