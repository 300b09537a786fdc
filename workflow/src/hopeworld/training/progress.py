"""Plain lines about a running training, one every few seconds."""

from __future__ import annotations

import datetime
import time
from typing import TextIO

SECONDS_PER_LINE = 5.0


class Progress:
    """Writes step, loss, throughput and remaining time to a log."""

    def __init__(self, log: TextIO, name: str, steps: int, tokens_per_step: int):
        self._log, self._name = log, name
        self._steps, self._tokens_per_step = steps, tokens_per_step
        self._trained_s, self._done = 0.0, 0
        self._spoke = self._began = time.monotonic()

    def say(self, words: str) -> None:
        """Write one line."""
        self._log.write(f"{self._name}: {words}\n")
        self._log.flush()

    def begin_step(self) -> None:
        """Start the clock of an optimiser step, so that validation is not counted."""
        self._began = time.monotonic()

    def end_step(self, step: int, loss: float) -> None:
        """Count a step, and write a line if the last is old enough or the run ends."""
        now = time.monotonic()
        self._trained_s += now - self._began
        self._done += 1
        if now - self._spoke < SECONDS_PER_LINE and step < self._steps:
            return
        self._spoke = now
        each_s = self._trained_s / self._done
        left = datetime.timedelta(seconds=round(each_s * (self._steps - step)))
        rate = self._tokens_per_step / max(each_s, 1e-9)
        self.say(f"step {step}/{self._steps}  loss {loss:.4f}  {rate:,.0f} tokens/s  left {left}")
