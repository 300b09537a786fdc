"""Measures a group: a fresh process per contestant, and rounds in which each takes one repeat.

In a round the contestants follow one another (A, B, C; then A, B, C again), so a machine that is
slower for a while is slower for all. While one works, the others wait for their next line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.worker import Order

ROOT = Path(__file__).resolve().parents[1]
# glibc gives blocks of 32 MB and more back to the system at once and asks for them again: some
# per cent of a step, at some sizes and not at others. Here it keeps them, for every contestant.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**26),
}
THREAD_KEYS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class Measured:
    """The repeats of one contestant, in milliseconds of one unit, or why there are none."""

    order: Order
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    peak_mb: float | None = None
    error: str | None = None


class Worker:
    """A contestant's process; a context manager that ends it."""

    def __init__(self, order: Order):
        self.measured = Measured(order)
        environment = KEEP_MEMORY | dict.fromkeys(THREAD_KEYS, str(order.threads))
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)  # what is found here is found there
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", order.to_json()],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def warm_up(self) -> None:
        """Wait until it is built and warm."""
        self._read()

    def repeat(self) -> None:
        """Let it take one repeat; nothing if it has failed."""
        if self.measured.error is None and self._write("\n"):
            answer = self._read()
            self.measured.wall_ms += [answer["wall_ms"]] if answer else []
            self.measured.cpu_ms += [answer["cpu_ms"]] if answer else []

    def finish(self) -> None:
        """Close it and note its memory."""
        if self.measured.error is None:
            self._process.stdin.close()
            self.measured.peak_mb = self._read().get("peak_mb")

    def _write(self, text: str) -> bool:
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except BrokenPipeError:
            self.measured.error = "the process ended"
        return self.measured.error is None

    def _read(self) -> dict[str, Any]:
        """The next answer; {} and an error noted if there is none."""
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        self.measured.error = answer.get("error")
        return {} if self.measured.error else answer


def measure(orders: Sequence[Order], repeats: int) -> list[Measured]:
    """Run all orders side by side, one at a time; `repeats` rounds."""
    with ExitStack() as stack:
        workers = []
        for order in orders:
            worker = stack.enter_context(Worker(order))
            worker.warm_up()
            workers.append(worker)
        for _ in range(repeats):
            for worker in workers:
                worker.repeat()
        for worker in workers:
            worker.finish()
    return [worker.measured for worker in workers]
