"""From repeats to rows: medians, ratios, targets; as JSON and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from benchmarks.contestants import find
from benchmarks.rounds import Measured


@dataclass(frozen=True)
class Row:
    """One contestant in one mode.

    Attributes:
        ms: median time of one unit, None if it did not run; which time is in `time_used`.
        ratio: ms over that of `base` in the same group and mode.
        reached: whether ratio is at most target; None without a target.
    """

    group: str
    mode: str
    name: str
    base: str
    ms: float | None
    ratio: float | None
    target: float | None
    reached: bool | None
    measured: Measured


def time_used(device: str, threads: int) -> str:
    """The time that rows compare: of the CPU where one thread does the work, else of the wall.

    CPU time of a single thread does not count the turns of other programs on a shared machine.
    """
    return "cpu_ms" if device == "cpu" and threads == 1 else "wall_ms"


def rows(measured: Sequence[Measured]) -> list[Row]:
    """Rows in the order given; ratios are of medians."""
    medians = {_key(m, m.order.name): _median(m) for m in measured}
    return [_row(m, medians) for m in measured]


def _row(measured: Measured, medians: dict[tuple[str, str, str], float | None]) -> Row:
    order = measured.order
    contestant = find(order.group, order.name)
    ms, base = medians[_key(measured, order.name)], medians.get(_key(measured, contestant.base))
    ratio = ms / base if ms is not None and base else None
    target = contestant.target
    reached = None if target is None else ratio is not None and ratio <= target
    return Row(
        order.group, order.mode, order.name, contestant.base, ms, ratio, target, reached, measured
    )


def _key(measured: Measured, name: str) -> tuple[str, str, str]:
    return measured.order.group, measured.order.mode, name


def _median(measured: Measured) -> float | None:
    order = measured.order
    waits = find(order.group, order.name).waits
    times = measured.wall_ms if waits else getattr(measured, time_used(order.device, order.threads))
    return statistics.median(times) if times and measured.error is None else None


def as_json(machine: dict[str, Any], table: Iterable[Row]) -> dict[str, Any]:
    """Everything: the machine, and every row with all its repeats."""
    return {"machine": machine, "rows": [asdict(row) for row in table]}


def as_markdown(machine: dict[str, Any], table: Sequence[Row]) -> str:
    """A line on the machine, a table per mode and group, and the verdict."""
    parts = [" · ".join(f"{name} {value}" for name, value in machine.items())]
    for (mode, group), part in groupby(table, key=lambda row: (row.mode, row.group)):
        parts.append(f"**{group}**, {mode}\n\n{_table(list(part))}")
    return "\n\n".join([*parts, verdict(table)]) + "\n"


def _table(part: Sequence[Row]) -> str:
    shared = part[0].base if len({row.base for row in part}) == 1 else None
    against = f"ratio to {shared}" if shared else "ratio"
    lines = [f"| contestant | ms | {against} | target | reached |", "|---|---|---|---|---|"]
    for row in part:
        beside = "" if shared or row.base == row.name else f" (to {row.base})"
        lines.append(
            f"| {row.name} | {_ms(row)} | {_number(row.ratio)}{beside} "
            f"| {'' if row.target is None else f'≤ {row.target:.3g}'} | {_answer(row)} |"
        )
    return "\n".join(lines)


def _ms(row: Row) -> str:
    if row.ms is None:
        return row.measured.error or "no repeats"
    return f"{row.ms:.0f}" if row.ms >= 100 else f"{row.ms:.3g}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _answer(row: Row) -> str:
    return {None: "", True: "yes", False: "**no**"}[row.reached]


def verdict(table: Iterable[Row]) -> str:
    """How many targets are reached, and the names of the others."""
    judged = [row for row in table if row.reached is not None]
    missed = [f"{row.group}: {row.name} ({row.mode})" for row in judged if not row.reached]
    line = f"targets: {len(judged) - len(missed)} of {len(judged)} reached"
    return f"{line}; not reached: {'; '.join(missed)}" if missed else line
