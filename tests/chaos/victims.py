"""What is killed, and when: drawn from a seed."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from tests.chaos.study import GONE, Job, jobs

LOOK_S = 0.02
WRITING_LOOK_S = 0.005
EARLY_SHARE = 0.25  # of the kills of Snakemake: whether or not a job runs by then


@dataclass(frozen=True)
class Kill:
    """One SIGKILL: in which mode, of what, and what that was doing."""

    mode: str
    process: int
    what: str
    age_s: float
    writing: str = ""

    @property
    def is_of_snakemake(self) -> bool:
        """Whether Snakemake itself was killed."""
        return self.what == "snakemake"

    def __str__(self) -> str:
        doing = f", writing {self.writing}" if self.writing else ""
        return f"{self.mode}: {self.what} (process {self.process}), {self.age_s:.1f} s old{doing}"


class Killer:
    """Kills one process of each run of Snakemake.

    Modes come in shuffled blocks, each once per block:
    running    a job, uniformly among those that run, at a random moment
    young      a job of a rule that was seldom hit, at a random moment of its usual time
    writing    a job that has a temporary file open
    snakemake  Snakemake alone: its jobs go on without it
    all        Snakemake, then every job that it leaves
    """

    def __init__(self, seed: int, durations_s: dict[str, float], mean_delay_s: float = 10.0):
        self._random = np.random.default_rng(seed)
        self._durations_s, self._mean_delay_s = durations_s, mean_delay_s
        self._hits: Counter[str] = Counter()
        self._modes: list[str] = []
        self._ways: dict[str, Callable[[psutil.Popen], Kill | None]] = {
            "running": self._kill_running,
            "young": self._kill_young,
            "writing": self._kill_writing,
            "snakemake": lambda snakemake: self._kill_snakemake(snakemake, "snakemake"),
            "all": lambda snakemake: self._kill_snakemake(snakemake, "all"),
        }

    def strike(self, snakemake: psutil.Popen) -> Kill | None:
        """Kill in the next mode; None if Snakemake ended before, and the mode stays the next."""
        if not self._modes:
            self._modes = list(self._random.permutation(list(self._ways)))
        kill = self._ways[self._modes[-1]](snakemake)
        if kill is not None:
            self._modes.pop()
            self._hits[kill.what] += 1
        return kill

    def _kill_running(self, snakemake: psutil.Popen) -> Kill | None:
        wait_s = self._random.exponential(self._mean_delay_s)
        for _ in _while_running(snakemake, LOOK_S, wait_s):
            found = jobs(snakemake)
            chosen = found[self._random.integers(len(found))] if found else None
            if chosen and (kill := _killed(chosen, "running")):
                return kill
        return None

    def _kill_young(self, snakemake: psutil.Popen) -> Kill | None:
        seen: set[int] = set()
        for _ in _while_running(snakemake, LOOK_S):
            for job in jobs(snakemake):
                if job.process.pid not in seen and self._is_chosen(job):
                    usual_s = self._durations_s.get(job.rule, 2.0)
                    time.sleep(self._random.uniform(0.0, usual_s))
                    if kill := _killed(job, "young"):
                        return kill
                seen.add(job.process.pid)
        return None

    def _kill_writing(self, snakemake: psutil.Popen) -> Kill | None:
        refused: set[tuple[int, str]] = set()
        for _ in _while_running(snakemake, WRITING_LOOK_S):
            for job in jobs(snakemake):
                name = job.unfinished()
                if not name or (job.process.pid, name) in refused:
                    continue
                if self._is_chosen(job) and (kill := _killed(job, "writing")):
                    return kill
                refused.add((job.process.pid, name))
        return None

    def _is_chosen(self, job: Job) -> bool:
        """Yes more often for a rule that was seldom hit; so short ones get their share."""
        return self._random.uniform() < 0.3 + 0.6 / (1 + self._hits[job.rule])

    def _kill_snakemake(self, snakemake: psutil.Popen, mode: str) -> Kill | None:
        wait_s = self._random.exponential(self._mean_delay_s)
        is_soon = self._random.uniform() < EARLY_SHARE
        for _ in _while_running(snakemake, LOOK_S, wait_s):
            if is_soon or jobs(snakemake):
                age_s = time.time() - snakemake.create_time()
                snakemake.kill()
                return Kill(mode, snakemake.pid, "snakemake", age_s)
        return None


def _while_running(snakemake: psutil.Popen, pause_s: float, wait_s: float = 0.0) -> Iterator[None]:
    """Come again and again, after `wait_s`, as long as Snakemake runs."""
    begin = time.monotonic() + wait_s
    while snakemake.poll() is None:
        if time.monotonic() >= begin:
            yield
        time.sleep(pause_s)


def _killed(job: Job, mode: str) -> Kill | None:
    """Kill a job; None if it has ended by itself."""
    with contextlib.suppress(*GONE):
        age_s, writing = time.time() - job.process.create_time(), job.unfinished()
        if job.process.is_running() and job.process.status() != psutil.STATUS_ZOMBIE:
            job.process.kill()
            return Kill(mode, job.process.pid, job.rule, age_s, writing)
    return None


def usual_durations_s(results: Path) -> dict[str, float]:
    """The mean time of a job of every rule, from the benchmarks of a finished study."""
    times: dict[str, list[float]] = {}
    for path in (results / "benchmarks").rglob("*.tsv"):
        rule = path.relative_to(results / "benchmarks").parts[0].removesuffix(".tsv")
        times.setdefault(rule, []).append(float(pd.read_csv(path, sep="\t")["s"].iloc[-1]))
    return {rule: float(np.mean(found)) for rule, found in times.items()}
