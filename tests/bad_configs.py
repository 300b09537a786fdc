"""Configurations that are wrong in one thing, with the key and value that the error must name."""

from __future__ import annotations

import math
import typing
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

from tests.config_leaves import REMOVED, Leaf, Path, at, edited, leaves, sections
from tests.snakemake_runs import read_config

BASES = [
    read_config(*names)
    for names in ([], ["smoke"], ["thesis"], ["ablation"], ["verdict"], ["verdict", "path"])
]
HUGE, ODD = 10**400, "ünï\n\x1b[31m; = :"
NOT_TEXT = [None, 3, 0.5, True, [], {}, math.nan]
NOT_NUMBERS = [None, True, [], {}, "3e-4", "0.5", "-1", "", ODD, b"1", math.nan, math.inf, HUGE]
NAMES = ["a b", "a/b", "../x", "", "1st", "ü", "x" * 61, 7, None, True, ODD]
# Lists that say something when they are empty.
MAY_BE_EMPTY = {
    "held_out_shapes",
    "modes",
    "severities",
    "adaptive",
    "contestants",
    "tuning_seeds",
    "not_inferior",
    "comparable",
    "gates",
}
FREE = {("adaptation", "methods"), ("adaptation", "streams"), ("adaptation", "tuning")}
FREE |= {("simulation", "severities"), ("variants",)}


class Bad(NamedTuple):
    """A wrong configuration, the dotted key that it is wrong in, the value there, and the kind."""

    config: dict[str, Any]
    key: str
    kind: str
    value: Any


def values_of(leaf: Leaf) -> list[Any]:
    """Values that are wrong for a key whatever else is there."""
    origin, arguments = typing.get_origin(leaf.kind), typing.get_args(leaf.kind)
    if origin is Literal:
        return [None, 3, [], {}, True, "", ODD, f"{arguments[0]}x"]
    if origin is tuple:
        return _lists(leaf, arguments)
    if leaf.kind is bool:
        return [None, 0, 1, 0.5, "true", "yes", [], {}]
    if leaf.kind is str:
        return [*NOT_TEXT, *([] if leaf.path[-1] == "weights" else [ODD])]
    if leaf.kind in (int, float):
        return [*NOT_NUMBERS, *([1.5] if leaf.kind is int else []), *_outside(leaf)]
    return []


def _lists(leaf: Leaf, arguments: tuple) -> list[Any]:
    inner = [[value] for value in values_of(Leaf(leaf.path, arguments[0], leaf.bounds))]
    found = [None, 3, {}, "text", True, *inner]
    if arguments[-1] is not Ellipsis:
        ends = [2.0, 1.0] if leaf.bounds.get("low") != 0 else [1.0, 0.5]
        found += [[], [1.0] * (len(arguments) + 1)] + ([ends] if len(arguments) == 2 else [])
    elif leaf.path[-1] not in MAY_BE_EMPTY and leaf.path[:2] not in FREE:
        found.append([])
    return found


def _outside(leaf: Leaf) -> list[float]:
    """Numbers just beyond the bounds of a key, and far from them."""
    low, above, high = (leaf.bounds.get(name) for name in ("low", "above", "high"))
    lowest = low if low is not None else above
    found = [] if above is None else [above]
    found += [] if lowest is None else [lowest - 1, lowest - 10**9]
    found += [] if high is None else [high + 1, high * 10**9 + 1]
    return [leaf.kind(value) for value in found]


@st.composite
def broken_values(draw) -> Bad:
    """A key with a value that is never right."""
    config = draw(st.sampled_from(BASES))
    leaf = draw(st.sampled_from([leaf for leaf in leaves(config) if values_of(leaf)]))
    value = draw(st.sampled_from(values_of(leaf)))
    shown = _item(value) if _is_open_list(leaf) else value
    return Bad(edited(config, {leaf.path: value}), ".".join(leaf.path), "value", shown)


def _is_open_list(leaf: Leaf) -> bool:
    return typing.get_origin(leaf.kind) is tuple and typing.get_args(leaf.kind)[-1] is Ellipsis


def _item(value: Any) -> Any:
    """What is wrong about a list of any length that is wrong: its one item, if it has one."""
    return value[0] if isinstance(value, list) and value else value


def _required(config: dict[str, Any]) -> list[Path]:
    """The keys that must be there: all but what a user names, and what a variant changes."""
    found = [leaf.path for leaf in leaves(config)] + sections(config)
    changes = [path for path in found if path[0] == "variants" and len(path) > 3]
    return [path for path in found if path[:-1] not in FREE and path not in changes]


@st.composite
def missing_keys(draw) -> Bad:
    """A configuration without one key or section."""
    config = draw(st.sampled_from(BASES))
    path = draw(st.sampled_from(_required(config)))
    return Bad(edited(config, {path: REMOVED}), ".".join(path), "missing", None)


@st.composite
def misspelt_keys(draw) -> Bad:
    """A key with a letter too much, too little, twice or another."""
    config = draw(st.sampled_from(BASES))
    path = draw(st.sampled_from([path for path in _required(config) if len(path[-1]) > 3]))
    name, place = path[-1], draw(st.integers(1, len(path[-1]) - 2))
    end = name[place + 1 :]
    spelt = draw(st.sampled_from([name[:place] + end, f"{name[: place + 1]}{name[place]}{end}"]))
    wrong = (*path[:-1], spelt)
    changed = edited(config, {path: REMOVED, wrong: at(config, path)})
    # Splits are a mapping by name, where the name itself is wrong.
    shown = spelt if path[:-1] == ("splits",) else at(config, path)
    return Bad(changed, ".".join(wrong), f"misspelt {name}", shown)


@st.composite
def broken_sections(draw) -> Bad:
    """A section that is none."""
    config = draw(st.sampled_from(BASES))
    path = draw(st.sampled_from(sections(config)))
    value = draw(st.sampled_from([None, 3, 0.5, [], ["a"], "text", ODD, True, math.nan]))
    return Bad(edited(config, {path: value}), ".".join(path), "section", value)


@st.composite
def bad_names(draw) -> Bad:
    """Something of the user's with a name that cannot stand in a path."""
    config = draw(st.sampled_from(BASES))
    path = draw(st.sampled_from(sorted(path for path in FREE if at(config, path))))
    name = draw(st.sampled_from(NAMES))
    value = next(iter(at(config, path).values()))
    return Bad(edited(config, {(*path, name): value}), ".".join(path), "name", name)
