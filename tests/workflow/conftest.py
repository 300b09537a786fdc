"""The smoke study, run once for all tests that look at it."""

from __future__ import annotations

import dataclasses
import fcntl
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.snakemake_runs import checkout, snakemake


@dataclass(frozen=True)
class SmokeRun:
    """The clone of the workflow, the folder that it worked in, and the seconds that it took."""

    clone: Path
    folder: Path
    seconds: float

    @property
    def arguments(self) -> list[str]:
        """What makes Snakemake look at this run."""
        overlay = str(self.clone / "config/smoke.yaml")
        return ["--configfile", overlay, "--directory", str(self.folder)]

    @property
    def results(self) -> Path:
        """The folder of the study."""
        return self.folder / "results" / "smoke"


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, worker_id) -> SmokeRun:
    """Run the smoke study in a folder of its own, one for all processes of the tests."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "smoke"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        # Whoever comes second waits here.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "seconds").exists():
            _run_smoke(SmokeRun(folder / "clone", folder / "run", 0.0), folder / "seconds")
    return SmokeRun(folder / "clone", folder / "run", float((folder / "seconds").read_text()))


def _run_smoke(run: SmokeRun, seconds: Path) -> None:
    for folder in (run.clone, run.folder):
        # Of an attempt that did not end well.
        shutil.rmtree(folder, ignore_errors=True)
    checkout(run.clone)
    run.folder.mkdir()
    started = time.monotonic()
    done = snakemake(run.clone, "all", "tuning", "--cores", "2", *run.arguments)
    assert done.returncode == 0, done.stdout[-6000:]
    seconds.write_text(f"{time.monotonic() - started}")


@pytest.fixture
def run(smoke, tmp_path) -> SmokeRun:
    """A copy of the finished study, which a test may harm."""
    folder = tmp_path / "run"
    shutil.copytree(smoke.folder, folder, symlinks=True)
    return dataclasses.replace(smoke, folder=folder)
