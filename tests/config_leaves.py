"""The keys of a configuration with their types, and configurations with one key changed."""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from hopeworld.settings import Study

REMOVED = object()
Path = tuple[str, ...]


class Leaf(NamedTuple):
    """A key that is no section: where it stands, its type and its bounds."""

    path: Path
    kind: Any
    bounds: Mapping[str, Any]


def leaves(config: Mapping[str, Any]) -> list[Leaf]:
    """Every key of a configuration that holds a value."""
    return list(_leaves(Study, config, ()))


def sections(config: Mapping[str, Any], kind: Any = Study, path: Path = ()) -> list[Path]:
    """Every section below the top, those that a user names among them."""
    found = []
    for name, hint in _parts(kind, config):
        if _is_section(hint):
            found += [(*path, name), *sections(config[name], hint, (*path, name))]
    return found


def _leaves(kind: Any, config: Mapping[str, Any], path: Path):
    bounds = {f.name: f.metadata for f in dataclasses.fields(kind)} if _is_type(kind) else {}
    for name, hint in _parts(kind, config):
        if _is_section(hint):
            yield from _leaves(hint, config[name], (*path, name))
        else:
            yield Leaf((*path, name), hint, bounds.get(name, {}))


def _parts(kind: Any, config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The keys of a section with their types; of a mapping by name, those that are there."""
    if _is_type(kind):
        return list(typing.get_type_hints(kind).items())
    return [(name, typing.get_args(kind)[1]) for name in config]


def _is_type(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def _is_section(hint: Any) -> bool:
    return _is_type(hint) or typing.get_origin(hint) is dict


def at(config: Mapping[str, Any], path: Path) -> Any:
    """The value of a key."""
    for name in path:
        config = config[name]
    return config


def edited(config: Mapping[str, Any], changes: Mapping[Path, Any]) -> dict[str, Any]:
    """The configuration with keys set, added or removed."""
    new = copy.deepcopy(dict(config))
    for path, value in changes.items():
        place = at(new, path[:-1])
        if value is REMOVED:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return new
