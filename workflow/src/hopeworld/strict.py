"""Read plain values from YAML as typed sections, strictly; the words of every error.

A section is a frozen dataclass whose fields `key` describes. Nothing is coerced and nothing has a
default: `SettingsError` is one line, see `FORM`. Standard library only.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import reprlib
import typing
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

# What can stand in a path, in a pattern and on a command line.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
NAME_REMEDY = "use letters, digits and _ only, at most 60, with no digit first"

# `config: section.key = value: what is wrong with it; what to do`, where what to do begins with a
# verb. A long value is shortened; what cannot be printed is escaped.
FORM = re.compile(
    r"config: (?P<key>.+?) = (?P<value>.+): (?P<problem>[^:;]+); (?P<remedy>[a-z]+ [^;]+)"
)
_LONGEST = 100
_MOST_NAMES = 16
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxdict, _REPR.maxstring, _REPR.maxother = 3, 6, 60, 60


class SettingsError(ValueError):
    """A setting that is missing, unknown, of the wrong type or impossible.

    The remedy is a verb phrase without a semicolon; the problem has no colon either.
    """

    def __init__(self, key: str, value: object, problem: str, remedy: str):
        super().__init__(f"config: {_printable(key)} = {_shown(value)}: {problem}; {remedy}")


def _printable(text: str) -> str:
    """The text on one line, shortened, what cannot be printed escaped."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _shown(value: object) -> str:
    try:
        return _printable(_REPR.repr(value))
    except ValueError:
        return "a number of thousands of digits"


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
        return _read_named(arguments[1], value, path)
    if origin is Literal:
        if value not in arguments or isinstance(value, bool):
            raise SettingsError(path, value, "unknown choice", _choice_remedy(value, arguments))
        return value
    return _read_scalar(kind, value, path, bounds)


def _read_named(kind: Any, value: Any, path: str) -> dict[str, Any]:
    """Read what the user names; the names go into paths, patterns and messages."""
    _require_mapping(value, path)
    for name in value:
        if not is_name(name):
            raise SettingsError(path, name, "not a name", NAME_REMEDY)
    return {name: _read(kind, one, f"{path}.{name}", {}) for name, one in value.items()}


def _read_section(kind: Any, value: Any, path: str) -> Any:
    _require_mapping(value, path)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in fields:
            remedy = one_of(name, [known for known in fields if known not in value] or fields)
            raise SettingsError(f"{prefix}{name}", value[name], "unknown key", remedy)
    for name, field in fields.items():
        if name not in value:
            meaning = field.metadata["doc"].split(";")[0]
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
    if typing.get_origin(arguments[0]) is Literal and len(set(items)) != len(items):
        raise SettingsError(path, value, "repeated", "list each name once")
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
    if kind in (int, float) and not _is_within(value, bounds):
        raise SettingsError(path, value, "out of range", f"give {_range_words(bounds)}")
    return value


def _is_within(value: float, bounds: Mapping[str, Any]) -> bool:
    low, above, high = (bounds.get(name) for name in ("low", "above", "high"))
    return (
        (low is None or value >= low)
        and (above is None or value > above)
        and (high is None or value <= high)
    )


def _range_words(bounds: Mapping[str, Any]) -> str:
    """The bounds of a setting as its remedy says them: at least 1 and at most 7."""
    words = {"low": "at least", "above": "more than", "high": "at most"}
    found = [f"{w} {bounds[n]:.10g}" for n, w in words.items() if bounds.get(n) is not None]
    unit = f" {bounds['unit']}" if bounds.get("unit") else ""
    return " and ".join(found) + unit


def _as_float(value: int, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise SettingsError(path, value, "not a finite number", "give a smaller number") from None


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
    return one_of(value, choices)


def _type_remedy(kind: type, value: Any) -> str:
    if kind is float and isinstance(value, str) and _is_number(value):
        return "write 3.0e-4, with a point: YAML 1.1 reads 3e-4 as text"
    return f"give {_article(kind)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_name(name: object) -> bool:
    """Whether `name` is what `NAME_REMEDY` says."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None


def one_of(name: object, known: Collection[Any], of: str = "") -> str:
    """The remedy for a name that is none of `known`; `of` says where they stand.

    What is spelt nearly alike is named first.
    """
    if not known:
        return f"add it to {of} first" if of else "remove it"
    near = difflib.get_close_matches(str(name)[:_LONGEST], [str(one) for one in known], n=1)
    names = list(known)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    place = f" names of {of}:" if of else ""
    end = f"{place} {listed(names[:_MOST_NAMES])}{more}"
    return f"use {near[0]}, the nearest of{end}" if near else f"use one of{end}"


def listed(names: Iterable[Any]) -> str:
    """The names as a remedy lists them."""
    return ", ".join(str(name) for name in names)
