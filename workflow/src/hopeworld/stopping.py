"""Being told to stop: SIGTERM, Ctrl-C and a closed terminal end a job as an error does.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """A signal that asks this process to end; no Exception, so that nothing goes on after it."""

    def __init__(self, number: int):
        self.number = signal.Signals(number)
        super().__init__(f"stopped by {self.number.name}; run the same command again to go on")

    @property
    def status(self) -> int:
        """The exit status by which shells know the signal."""
        return 128 + self.number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the block at a signal to end; a second signal ends the process at once.

    In the main thread only, where Python handles signals; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in _heard()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_quietly_if_script() -> None:
    """In a script of the workflow, end with one line at a signal that comes while it imports.

    Libraries take seconds to import; `stoppable` comes after them.
    """
    if not hasattr(sys.modules["__main__"], "snakemake"):
        return
    for number in _heard():
        signal.signal(number, _end)


def _heard() -> list[signal.Signals]:
    """The signals to end at: with nohup, a closed terminal is none."""
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if not (is_kept and number is signal.SIGHUP)]


def _end(number: int, frame: object) -> None:
    stopped = Stopped(number)
    os.write(2, f"error: {stopped}\n".encode())
    os._exit(stopped.status)


def _stop(number: int, frame: object) -> None:
    for other in _heard():
        signal.signal(other, signal.SIG_DFL)
    raise Stopped(number)
