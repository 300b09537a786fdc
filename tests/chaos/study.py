"""One run of the workflow in a folder of its own, and its processes."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SCRIPT = re.compile(r"scripts/tmp\w+\.(\w+)\.py$")
MARK = "HOPEWORLD_CHAOS"
GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


@dataclass(frozen=True)
class Job:
    """A process that runs the script of a rule."""

    process: psutil.Process
    rule: str

    def unfinished(self) -> str:
        """The name of a temporary file that the job has open; '' if none."""
        with contextlib.suppress(*GONE, OSError):
            for file in self.process.open_files():
                if ".tmp." in file.path:
                    return Path(file.path).name
        return ""


@dataclass(frozen=True)
class Study:
    """The command that makes some targets of the smoke study, and the folder where it works."""

    clone: Path
    folder: Path
    targets: tuple[str, ...] = ("all", "tuning")
    cores: int = 2
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def results(self) -> Path:
        """The folder of the study's files."""
        return self.folder / "results" / "smoke"

    @property
    def arguments(self) -> list[str]:
        """The command, the same at every start."""
        overlay = str(self.clone / "config" / "smoke.yaml")
        command = [sys.executable, "-m", "snakemake", *self.targets, "--cores", str(self.cores)]
        return [*command, "--configfile", overlay, "--directory", str(self.folder)]

    def start(self, before: Sequence[str] = (), start_new_session: bool = False) -> psutil.Popen:
        """Start the command, with another before it; what it says is added to `output`."""
        with self.output.open("ab") as output:
            return psutil.Popen(
                [*before, *self.arguments],
                start_new_session=start_new_session,
                cwd=self.clone,
                env=os.environ | {MARK: self.mark, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> Path:
        """What Snakemake said, of all starts."""
        return self.folder.with_name(f"{self.folder.name}.snakemake.log")

    def unlock(self) -> None:
        """Take the lock of a killed Snakemake away, as its message asks for."""
        with self.output.open("ab") as output:
            command = [*self.arguments, "--unlock"]
            subprocess.run(
                command, cwd=self.clone, stdout=output, stderr=subprocess.STDOUT, check=True
            )

    def processes(self) -> list[psutil.Process]:
        """Every process that a start of this study has left running."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def kill(self) -> None:
        """Kill them all, and what they have started meanwhile."""
        while found := self.processes():
            for process in found:
                with contextlib.suppress(*GONE):
                    process.kill()
            psutil.wait_procs(found)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark
        except (*GONE, OSError):
            return False


def jobs(snakemake: psutil.Popen) -> list[Job]:
    """The jobs that run now."""
    with contextlib.suppress(*GONE):
        return [job for p in snakemake.children(recursive=True) if (job := job_of(p))]
    return []


def job_of(process: psutil.Process) -> Job | None:
    """The process as a job; None if it runs no rule's script."""
    with contextlib.suppress(*GONE, IndexError):
        command = process.cmdline()
        found = SCRIPT.search(command[-1])
        if found and "python" in Path(command[0]).name:
            return Job(process, found[1])
    return None
