"""One contestant in a process of its own: builds it, warms up, then one repeat per line of stdin.

    {"ready": true}                                        or {"error": "…"}, and the process ends
    {"wall_ms": 12.3, "cpu_ms": 12.1}                      after each repeat
    {"peak_mb": 512.0}                                     when stdin closes

Nothing else is written to stdout: what a library prints goes to stderr. The arguments are one JSON
object, `Order`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from typing import IO

import torch

from benchmarks.contestant import NotInstalled, Repeat, Setting
from benchmarks.contestants import find
from benchmarks.sizes import SIZES


@dataclass(frozen=True)
class Order:
    """What a worker runs, and under which conditions."""

    group: str
    name: str
    size: str
    device: str
    mode: str
    batch: int
    threads: int
    warm_up: int

    def to_json(self) -> str:
        """The argument of the worker's process."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve the order in the first argument."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(Order(**json.loads(sys.argv[1])), sys.stdin, answers)


def serve(order: Order, requests: IO[str], answers: IO[str]) -> None:
    """Build, warm up, and time one repeat for every line of `requests`."""
    torch.set_num_threads(order.threads)
    torch.manual_seed(0)
    contestant = find(order.group, order.name)
    setting = Setting(SIZES[order.size], order.device, order.mode, order.batch)
    try:
        repeat = contestant.build(setting)
        for _ in range(order.warm_up):
            timed(repeat, 1, order.device)
    except NotInstalled:
        _say(answers, {"error": "not installed"})
        return
    except Exception as error:
        _say(answers, {"error": _first_line(error)})
        raise
    units = contestant.units(setting.size)
    _say(answers, {"ready": True})
    for _ in requests:
        _say(answers, timed(repeat, units, order.device))
    _say(answers, {"peak_mb": peak_mb(order.device)})


def timed(repeat: Repeat, units: int, device: str) -> dict[str, float]:
    """Wall and CPU time of one unit of a repeat in milliseconds; a GPU is waited for."""
    _wait_for(device)
    wall, cpu = time.perf_counter(), time.process_time()
    repeat()
    _wait_for(device)
    elapsed = {"wall_ms": time.perf_counter() - wall, "cpu_ms": time.process_time() - cpu}
    return {name: 1e3 * seconds / units for name, seconds in elapsed.items()}


def peak_mb(device: str) -> float:
    """Largest memory so far: allocated on the GPU, or of the process with all its libraries."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"


def _say(answers: IO[str], message: dict) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
