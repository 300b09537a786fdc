"""Read plain values from YAML as typed sections, strictly; the words of every error.

A section is a frozen dataclass whose fields `key` describes. Nothing is coerced and nothing has a
default: `SettingsError` is one line that names the section, the key, the value and the remedy.
Standard library only.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal


class SettingsError(ValueError):
    """A setting that is missing, unknown, of the wrong type or impossible."""

    def __init__(self, key: str, value: object, problem: str, remedy: str):
        super().__init__(f"config: {key} = {value!r}: {problem}; {remedy}")


def key(
    doc: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> Any:
    """Describe one setting: meaning, unit, closed (`low`, `high`) or open (`above`) bounds."""
    return dataclasses.field(
        metadata={"doc": doc, "unit": unit, "low": low, "high": high, "above": above}
    )


def read(kind: Any, value: Any, path: str = "") -> Any:
    """Read `value` as the settings type `kind`, strictly: keys all known, no coercion."""
    return _read(kind, value, path, {})


def _read(kind: Any, value: Any, path: str, bounds: Mapping[str, Any]) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read_section(kind, value, path)
    if kind is Any:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return _read_list(arguments, value, path, bounds)
    if origin is dict:
        _require_mapping(value, path)
        return {name: _read(arguments[1], v, f"{path}.{name}", {}) for name, v in value.items()}
    if origin is Literal:
        if value not in arguments or isinstance(value, bool):
            raise SettingsError(path, value, "unknown choice", _choice_remedy(value, arguments))
        return value
    return _read_scalar(kind, value, path, bounds)


def _read_section(kind: Any, value: Any, path: str) -> Any:
    _require_mapping(value, path)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in fields:
            remedy = f"known keys are {listed(fields)}"
            raise SettingsError(f"{prefix}{name}", value[name], "unknown key", remedy)
    for name, field in fields.items():
        if name not in value:
            meaning = field.metadata["doc"]
            raise SettingsError(f"{prefix}{name}", None, "missing key", f"set it: {meaning}")
    hints = typing.get_type_hints(kind)
    return kind(
        **{n: _read(hints[n], value[n], f"{prefix}{n}", f.metadata) for n, f in fields.items()}
    )


def _read_list(arguments: tuple, value: Any, path: str, bounds: Mapping[str, Any]) -> tuple:
    if not isinstance(value, list | tuple):
        raise SettingsError(path, value, "not a list", "write it as [a, b]")
    if arguments[-1] is Ellipsis:
        kinds = (arguments[0],) * len(value)
    else:
        kinds = arguments
        if len(value) != len(kinds):
            raise SettingsError(path, value, f"has {len(value)} values", f"give {len(kinds)}")
    items = tuple(_read(k, v, path, bounds) for k, v in zip(kinds, value, strict=True))
    is_range = len(arguments) == 2 and arguments == (float, float)
    if is_range and items[0] > items[1]:
        raise SettingsError(path, value, "range is reversed", "write [smallest, largest]")
    return items


def _read_scalar(kind: type, value: Any, path: str, bounds: Mapping[str, Any]) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value, path)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SettingsError(path, value, f"not {_article(kind)}", _type_remedy(kind, value))
    if kind is float and value - value != 0:
        raise SettingsError(path, value, "not a finite number", "give a finite number")
    unit = f" {bounds['unit']}" if bounds.get("unit") else ""
    for name, ok, words in (
        ("low", lambda v, b: v >= b, "at least"),
        ("above", lambda v, b: v > b, "more than"),
        ("high", lambda v, b: v <= b, "at most"),
    ):
        bound = bounds.get(name)
        if bound is not None and kind is not str and not ok(value, bound):
            raise SettingsError(path, value, "out of range", f"must be {words} {bound:g}{unit}")
    return value


def _as_float(value: int, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise SettingsError(path, "…", "not a finite number", "give a smaller number") from None


def _require_mapping(value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise SettingsError(path or "(top)", value, "not a section", "write key: value pairs")


def _article(kind: type) -> str:
    return {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
    }[kind]


def _choice_remedy(value: Any, choices: tuple) -> str:
    if value is False and "off" in choices:
        return 'write "off" in quotes: YAML 1.1 reads a bare off as false'
    return f"use one of {listed(choices)}"


def _type_remedy(kind: type, value: Any) -> str:
    if kind is float and isinstance(value, str):
        return "write 3.0e-4, with a point: YAML 1.1 reads 3e-4 as text"
    return f"give {_article(kind)}"


def listed(names: Iterable[Any]) -> str:
    """The names as a remedy lists them."""
    return ", ".join(str(name) for name in names)
