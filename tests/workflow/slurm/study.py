"""The smoke study on a cluster: how it is started, what SLURM and the system say of its jobs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
from tests.workflow.slurm.cluster import Cluster

# What the cluster of these tests changes in the profile: its partition, GPUs for a study that asks
# for none, no accounting, and little patience. Each text is in lines that say SITE, and no other.
CHANGES = {
    "slurm_partition=main": "slurm_partition=one",
    "slurm_partition: gpu": "slurm_partition: one",
    "# gpu: 1": "gpu: 1",
    "# slurm-status-command": "slurm-status-command",
    "status-checks: 40": "status-checks: 2",
}
SCRIPT = re.compile(r"\.snakemake/scripts/[^/]*?\.(\w+)\.py$")
LOOK_S = 0.5
T = TypeVar("T")


class StudyError(AssertionError):
    """Snakemake ended, or a fault did not find its moment."""


@dataclass(frozen=True)
class Process:
    """A process that runs the script of a rule, and the GPUs that SLURM gave it ('' for none)."""

    pid: int
    rule: str
    gpus: str


@dataclass(frozen=True)
class SlurmJob:
    """A job or a task of an array, as squeue tells it."""

    name: str
    state: str
    rule: str


@dataclass
class Study:
    """A checkout of the workflow that runs in a folder of its own, and what was seen meanwhile.

    looks: at every look all script processes that ran, for those that had a GPU.
    survivors: the jobs under which the node's daemon was killed.
    """

    cluster: Cluster
    clone: Path
    folder: Path
    looks: list[list[Process]] = field(default_factory=list)
    survivors: set[str] = field(default_factory=set)

    @property
    def results(self) -> Path:
        """The folder of the study."""
        return self.folder / "results" / "smoke"

    @property
    def log(self) -> Path:
        """What Snakemake printed, in all runs."""
        return self.folder / "snakemake.log"

    @property
    def text(self) -> str:
        """What Snakemake has printed until now."""
        return self.log.read_text()

    @property
    def run_name(self) -> str:
        """The name of the jobs of the latest run."""
        return re.findall(r"SLURM run ID: (\S+)", self.text)[-1]

    @property
    def arguments(self) -> list[str]:
        """What makes Snakemake look at this study."""
        overlay = str(self.clone / "config" / "smoke.yaml")
        return ["--configfile", overlay, "--directory", str(self.folder)]

    @contextlib.contextmanager
    def running_snakemake(self, *targets: str) -> Iterator[subprocess.Popen]:
        """Run Snakemake with the committed profile, as this site has changed it."""
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "snakemake", *targets]
        command += ["--workflow-profile"]
        command += [str(self.clone / "profiles" / "slurm"), *self.arguments]
        with self.log.open("a") as out:
            run = subprocess.Popen(
                command,
                cwd=self.clone,
                env=self.cluster.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            yield run
        finally:
            run.kill()
            run.wait()

    def jobs(self, state: str = "all") -> list[SlurmJob]:
        """The jobs of the study in some state, oldest first."""
        command = ["squeue", "--noheader", "--array", "--sort=i", f"--states={state}"]
        lines = self.cluster.run(*command, "--format=%i|%T|%k").splitlines()
        parts = [line.split("|") for line in lines]
        return [
            SlurmJob(name, found, comment.removeprefix("rule_").split("_wildcards_")[0])
            for name, found, comment in parts
            if comment.startswith("rule_")
        ]

    def running(self, *rules: str) -> list[SlurmJob]:
        """The running jobs of some rules."""
        return [job for job in self.jobs("running") if job.rule in rules]

    def processes(self) -> list[Process]:
        """The processes that run a rule's script in the study's folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                match = [SCRIPT.search(part) for part in process.cmdline()[1:2]]
                if match and match[0] and process.cwd() == str(self.folder):
                    gpus = process.environ().get("CUDA_VISIBLE_DEVICES", "")
                    found.append(Process(process.pid, match[0][1], gpus))
        return found

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the processes of the study twice a second."""
        end = threading.Event()

        def look() -> None:
            while not end.wait(LOOK_S):
                self.looks.append(self.processes())

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            end.set()
            watcher.join()


def change_site(profile: Path) -> None:
    """Change a copy of the profile into this site's. Raises where another line would change."""
    lines = profile.read_text().splitlines(keepends=True)
    for old, new in CHANGES.items():
        (place,) = [i for i, line in enumerate(lines) if old in line]
        if "SITE" not in lines[place]:
            raise StudyError(f"{profile}:{place + 1}: not a line of the site: {lines[place]}")
        lines[place] = lines[place].replace(old, new)
    profile.write_text("".join(lines))


def wait_for(
    what: str,
    look: Callable[[], T],
    run: subprocess.Popen,
    limit_s: float = 300.0,
    pause_s: float = 0.1,
) -> T:
    """The first thing that `look` returns and that is true. Raises where Snakemake ends before."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        if run.poll() is not None or time.monotonic() > deadline:
            raise StudyError(f"not seen: {what} (Snakemake: {run.poll()})")
        time.sleep(pause_s)
    return found


def kill(process: int, signal: int) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal)
