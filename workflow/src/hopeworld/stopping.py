"""Being told to stop: SIGTERM and Ctrl-C end a job as an error does. Standard library only."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
    before = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: object) -> None:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_DFL)
    raise Stopped(number)
