"""What settings.py says, as a JSON schema for editors and as the tables of config/README.md.

`python -m hopeworld.settings_docs` rewrites both; a test fails while they are out of date.
"""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any, Literal

import yaml

from hopeworld.marks import between
from hopeworld.settings import Study

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = Path("workflow/schemas/config.schema.yaml")
README = Path("config/README.md")
START, END = "<!-- keys: start -->", "<!-- keys: end -->"
HEADER = "# Generated from workflow/src/hopeworld/settings.py by `make schema`; do not edit.\n"
TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}
WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text"}


def main() -> None:
    """Rewrite the schema and the tables in the working tree."""
    (ROOT / SCHEMA).write_text(schema_text())
    readme = ROOT / README
    readme.write_text(with_tables(readme.read_text()))


def schema_text() -> str:
    """The JSON schema (draft 2020-12) of a complete configuration, as YAML."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a hopeworld study",
        **_section_schema(Study),
    }
    return HEADER + yaml.safe_dump(schema, sort_keys=False, width=100, allow_unicode=True)


def with_tables(readme: str) -> str:
    """Put the tables of all keys between the two marks of config/README.md.

    Raises ValueError where a mark is missing.
    """
    return between(readme, (START, END), tables(), str(README))


def tables() -> str:
    """One table per section: key, type, unit, range and meaning."""
    return "\n".join(_section_table(path, kind) for path, kind in _sections(Study, ""))


def _section_schema(kind: type) -> dict[str, Any]:
    fields = dataclasses.fields(kind)
    hints = typing.get_type_hints(kind)
    return {
        "description": (kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip(),
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in fields],
        "properties": {f.name: _key_schema(hints[f.name], f.metadata) for f in fields},
    }


def _key_schema(hint: Any, metadata: typing.Mapping[str, Any]) -> dict[str, Any]:
    unit = f" [{metadata['unit']}]" if metadata["unit"] else ""
    return {"description": metadata["doc"] + unit} | _type_schema(hint, metadata)


def _type_schema(hint: Any, metadata: typing.Mapping[str, Any]) -> dict[str, Any]:
    if dataclasses.is_dataclass(hint):
        section = _section_schema(hint)
        return {name: value for name, value in section.items() if name != "description"}
    if hint is Any:
        return {}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type_schema(arguments[1], metadata)}
    if origin is tuple:
        size = {} if arguments[-1] is Ellipsis else dict.fromkeys(_SIZES, len(arguments))
        return {"type": "array", "items": _type_schema(arguments[0], metadata)} | size
    return {"type": TYPES[hint]} | _bounds_schema(metadata)


_SIZES = ("minItems", "maxItems")


def _bounds_schema(metadata: typing.Mapping[str, Any]) -> dict[str, Any]:
    names = {"low": "minimum", "above": "exclusiveMinimum", "high": "maximum"}
    return {words: metadata[n] for n, words in names.items() if metadata[n] is not None}


def _sections(kind: type, path: str) -> list[tuple[str, type]]:
    """The dotted path and the type of every section, the top level first."""
    found = [(path, kind)]
    for name, hint in typing.get_type_hints(kind).items():
        below = f"{path}.{name}" if path else name
        if dataclasses.is_dataclass(hint):
            found += _sections(hint, below)
        elif dataclasses.is_dataclass(_by_name(hint)):
            found += _sections(_by_name(hint), f"{below}.<name>")
    return found


def _by_name(hint: Any) -> Any:
    """The type of the values of a mapping by name; None for any other type."""
    return typing.get_args(hint)[1] if typing.get_origin(hint) is dict else None


def _section_table(path: str, kind: type) -> str:
    hints = typing.get_type_hints(kind)
    rows = [
        f"| `{f.name}` | {_words(hints[f.name])} | {f.metadata['unit']} "
        f"| {_range(f.metadata)} | {f.metadata['doc']} |"
        for f in dataclasses.fields(kind)
    ]
    title = f"### `{path}`" if path else "### Top level"
    summary = (kind.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    lines = [
        title,
        "",
        summary,
        "",
        "| key | type | unit | range | meaning |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *rows, ""])


def _words(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return "section"
    if hint is Any:
        return "value"
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is dict:
        return f"{_words(arguments[1])}, by name"
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"list: {_words(arguments[0])}"
    if origin is tuple:
        return f"{len(arguments)} × {_words(arguments[0])}"
    return WORDS[hint]


def _range(metadata: typing.Mapping[str, Any]) -> str:
    signs = {"low": "≥", "above": ">", "high": "≤"}
    bounds = [f"{sign} {metadata[n]:.10g}" for n, sign in signs.items() if metadata[n] is not None]
    return ", ".join(bounds)


if __name__ == "__main__":
    main()
