"""How far a long job is: a line every few seconds in a file, a bar on a terminal.

    train_A 00000: 12/40 clips, 3.21 clips/s, 0:00:09 left
    train_A 00000: 40/40 clips, 3.19 clips/s, took 0:00:13

A job of the workflow writes lines into its log and draws its bar on the terminal of the run, where
jobs at the same time take turns.

A rate is over all that this attempt has done, so it holds for steps that take turns (a clip, then
a probe); what an attempt before it did counts as done and not as fast. Standard library only.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_BARS = 0.2
BAR_WIDTH = 20

Item = TypeVar("Item")

_terminals: list[TextIO] = []


class Progress:
    """Counts what is done of `total` and says it, with rate and time left.

    what: the job in a few words.   unit: plural, such as clips.   per_unit: how many counts make
    one unit, such as bytes in a megabyte.   log: where to; by default standard error.
    """

    def __init__(
        self, what: str, total: int, unit: str, per_unit: int = 1, log: TextIO | None = None
    ):
        self._what, self._total, self._unit, self._per_unit = what, total, unit, per_unit
        self._log = sys.stderr if log is None else log
        self._terminal = None if self._log.isatty() or not _terminals else _terminals[-1]
        self._pause_s = SECONDS_BETWEEN_BARS if self._log.isatty() else SECONDS_BETWEEN_LINES
        self.start(0)

    def start(self, done: int) -> None:
        """Begin to measure here; `done` is what earlier attempts have left."""
        self._before = self.done = done
        self._began = self._spoke = self._drew = time.monotonic()

    @property
    def rate(self) -> float:
        """Counts per second of this attempt."""
        return (self.done - self._before) / max(time.monotonic() - self._began, 1e-9)

    def count(self, number: int = 1, note: str = "") -> None:
        """Add what was done; say so if the last line is old, and in any case when all is done."""
        self.done += number
        is_end, now = number > 0 and self.done >= self._total, time.monotonic()
        if is_end or now - self._spoke >= self._pause_s:
            self._spoke = now
            self._show(", ".join(filter(None, (self._line(is_end), note))), is_end)
        if self._terminal and (is_end or now - self._drew >= SECONDS_BETWEEN_BARS):
            self._drew = now
            # A terminal that was closed meanwhile ends no job.
            with contextlib.suppress(OSError):
                if is_end:
                    clear(self._terminal)
                else:
                    self._draw(self._line(is_end), self._terminal)

    def say(self, words: str) -> None:
        """Write one line in any case."""
        self._show(f"{self._what}: {words}", is_kept=True)

    def _line(self, is_end: bool) -> str:
        done, total = (self._amount(count) for count in (self.done, self._total))
        rate = f"{_three_digits(self.rate / self._per_unit)} {self._unit}/s"
        took_s = time.monotonic() - self._began
        left_s = (self._total - self.done) / self.rate if self.rate else None
        time_words = f"took {_clock(took_s)}" if is_end else f"{_clock(left_s)} left"
        return f"{self._what}: {done}/{total} {self._unit}, {rate}, {time_words}"

    def _amount(self, count: int) -> str:
        return f"{count}" if self._per_unit == 1 else f"{count / self._per_unit:.1f}"

    def _show(self, line: str, is_kept: bool) -> None:
        """Write a line; on a terminal, one that is not kept is a bar that the next one replaces."""
        if self._log.isatty() and not is_kept:
            self._draw(line, self._log)
        else:
            print(_wiped(self._log) + line, file=self._log, flush=True)

    def _draw(self, line: str, terminal: TextIO) -> None:
        filled = round(BAR_WIDTH * self.done / max(self._total, 1))
        bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {line}"
        print(_wiped(terminal) + bar[: _columns(terminal)], end="", file=terminal, flush=True)


def tracked(
    items: Iterable[Item], what: str, total: int, unit: str, log: TextIO | None = None
) -> Iterator[Item]:
    """Pass `items` on and say how far that is; an item counts when the next one is asked for."""
    progress = Progress(what, total, unit, log=log)
    for item in items:
        yield item
        progress.count()


@contextlib.contextmanager
def bars_on(descriptor: int) -> Iterator[None]:
    """Draw the bars of the block here as well, if it is a terminal; its lines go to their log."""
    if not os.isatty(descriptor):
        yield
        return
    terminal = open(descriptor, "w", closefd=False)  # noqa: SIM115
    _terminals.append(terminal)
    try:
        yield
    finally:
        _terminals.remove(terminal)
        with contextlib.suppress(OSError):
            clear(terminal)
            terminal.close()


class Cleared:
    """A terminal that takes a bar away before something is written; all else is the stream's."""

    def __init__(self, stream: TextIO):
        self._stream, self._begins_line = stream, True

    def write(self, text: str) -> int:
        """Write `text`, at the begin of a line where the bar was."""
        wiped = _wiped(self._stream) if self._begins_line else ""
        self._begins_line = text.endswith("\n")
        self._stream.write(wiped + text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def silent(words: str) -> None:
    """Say nothing: for who has nobody to tell."""


def clear(log: TextIO | None = None) -> None:
    """Take a bar off the terminal, so that a line can be printed there."""
    stream = sys.stderr if log is None else log
    print(_wiped(stream), end="", file=stream, flush=True)


def _wiped(stream: TextIO) -> str:
    """What empties the line of a terminal; nothing in a file.

    To be written together with what follows: between two writes another job could draw its bar.
    """
    return f"\r{' ' * _columns(stream)}\r" if stream.isatty() else ""


def _columns(terminal: TextIO) -> int:
    """The width of the terminal, without its last column, where some begin a new line."""
    try:
        size = os.get_terminal_size(terminal.fileno())
    except OSError:
        size = shutil.get_terminal_size()
    return max(size.columns, 2) - 1


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _clock(seconds: float | None) -> str:
    """Hours, minutes and seconds; unknown before anything is done."""
    return "?" if seconds is None else str(datetime.timedelta(seconds=round(seconds)))
