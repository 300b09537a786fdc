"""Kill, look, start the same command again, until the study is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.comparison import Comparison
from tests.chaos.study import Study, job_of
from tests.chaos.victims import Kill, Killer

WAIT_S = 900.0
MOST_ROUNDS = 20


class Log:
    """Lines with the time since the beginning, on the terminal and in a file."""

    def __init__(self, path: Path):
        self._path, self._begin = path, time.monotonic()

    def say(self, words: str) -> None:
        """Write a line."""
        line = f"{time.monotonic() - self._begin:8.1f} s  {words}"
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(f"{line}\n")


def kill_rounds(
    kills: int, begin: Callable[[int], Study], killer: Killer, comparison: Comparison, log: Log
) -> list[str]:
    """Studies that `begin` makes ready, one after the other until so many kills; what is wrong.

    A study may be done before a drawn kill meets it: hence the next one.
    """
    done = 0
    for number in range(1, MOST_ROUNDS + 1):
        log.say(f"round {number}")
        more, problems = Round(begin(number), killer, comparison, log).run(kills - done)
        done += more
        if problems or done >= kills:
            log.say(f"{done} kills in {number} rounds")
            return problems
    return [f"no more than {done} kills in {MOST_ROUNDS} rounds"]


@dataclass(frozen=True)
class Round:
    """A study that is killed and started again."""

    study: Study
    killer: Killer
    comparison: Comparison
    log: Log

    def run(self, kills: int) -> tuple[int, list[str]]:
        """Run to the end with at most so many kills; how many there were, and what is wrong."""
        done, problems = 0, []
        while True:
            snakemake = self.study.start()
            kill = self.killer.strike(snakemake) if done < kills else None
            # A kill may come when the last job has just ended well.
            if kill is None or self._status(snakemake) == 0:
                return done, problems + self._ended(snakemake)
            done += 1
            self.log.say(f"kill {done}: {kill}")
            problems += self._after(snakemake, kill)

    def _status(self, snakemake: psutil.Popen) -> int:
        """How a run ended; one that does not end is killed."""
        try:
            return snakemake.wait(WAIT_S)
        except psutil.TimeoutExpired:
            self.log.say(f"WRONG: no end {WAIT_S:.0f} s after the kill")
            self.study.kill()
            raise

    def _after(self, snakemake: psutil.Popen, kill: Kill) -> list[str]:
        """Look at what is there, once the run has ended; do what its user is told to do."""
        if kill.is_of_snakemake:
            self._end_orphans(kill)
        problems = [f"after {kill}: still running: {p}" for p in self.study.processes()]
        broken = self.comparison.of_whole_files(self.study.results)
        problems += [f"after {kill}: {line}" for line in broken]
        for line in problems:
            self.log.say(f"WRONG: {line}")
        if kill.is_of_snakemake:
            self.study.unlock()
        self.log.say(f"ended with status {snakemake.wait()}; the same command again")
        return problems

    def _end_orphans(self, kill: Kill) -> None:
        """Kill what Snakemake left, or wait for it."""
        orphans = self.study.processes()
        rules = [job.rule for process in orphans if (job := job_of(process))]
        if kill.mode == "all":
            self.study.kill()
        psutil.wait_procs(orphans, WAIT_S)
        ended = "killed" if kill.mode == "all" else "left to end"
        self.log.say(f"orphans {ended}: {', '.join(rules) or 'none'}")

    def _ended(self, snakemake: psutil.Popen) -> list[str]:
        """What is wrong with a run that ended by itself."""
        status = snakemake.wait()
        if status:
            return [f"Snakemake ended with status {status} and no kill; see {self.study.output}"]
        problems = self.comparison.of_all(self.study.results)
        problems += [f"still running: {process}" for process in self.study.processes()]
        self.log.say(f"the study is done; {len(problems)} differences")
        return problems
