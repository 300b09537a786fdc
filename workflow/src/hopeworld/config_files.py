"""The YAML files of a configuration: what a mapping in memory no longer shows.

YAML takes the last of two equal keys, and the first is lost without a word. Each problem is one
`SettingsError` that names the file and the line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from hopeworld.strict import SettingsError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def require_plain(paths: Iterable[str | os.PathLike]) -> None:
    """Raise `SettingsError` unless each file is a YAML mapping with no key twice."""
    for path in map(Path, paths):
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
        except (OSError, UnicodeDecodeError) as error:
            remedy = "give the path of a readable YAML file"
            raise SettingsError(str(path), None, _reason(error), remedy) from None
        except yaml.YAMLError as error:
            raise _syntax_error(path, error) from None
        if not isinstance(root, yaml.MappingNode):
            problem = "no settings in this file" if root is None else "no mapping at its top"
            raise SettingsError(str(path), None, problem, "write key: value pairs")
        _require_once(path, root, "", set())


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else "not UTF-8 text"


def _syntax_error(path: Path, error: yaml.YAMLError) -> SettingsError:
    mark, found = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f"line {mark.line + 1}" if mark else None
    words = "".join(c for c in found or "not YAML" if c not in ":;")
    remedy = "correct the YAML there, or the line before: indent with spaces, quote odd text"
    return SettingsError(str(path), place, words, remedy)


def _require_once(path: Path, node: yaml.Node, where: str, seen: set[int]) -> None:
    """Look for keys that stand twice in one mapping, in all that `node` holds."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _require_once(path, item, where, seen)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            below, line = f"{where}.{name}" if where else name, key.start_mark.line + 1
            if name in first:
                problem = f"written twice in {path.name}, in the lines {first[name]} and {line}"
                shown = value.value if isinstance(value, yaml.ScalarNode) else "a section"
                raise SettingsError(below, shown, problem, "remove one of the two")
            first[name] = line
            _require_once(path, value, below, seen)
