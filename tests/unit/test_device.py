"""Jobs of one machine never share a GPU, and a GPU that is not there is said in words.

The jobs are processes, as they are in a run; the GPUs are not there.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.snakemake_runs import ROOT

from hopeworld import device
from hopeworld.device import NoDevice, claimed

CUDA, CPU = {"device": "cuda"}, {"device": "cpu"}
HOLDER = ROOT / "tests" / "gpu_holder.py"
PATIENCE_S = 30
STRANGER = 65534
IN_SLURM = ("SLURM_JOB_ID", "SLURM_STEP_ID")


class Jobs:
    """Starts jobs that hold a GPU, and ends them all."""

    def __init__(self, folder: Path):
        self.folder, self._log = folder / "locks", folder / "log"
        self._started: list[subprocess.Popen] = []

    def start(self, gpus: int, user: int | None = None, **environment: str) -> subprocess.Popen:
        """A job on a machine with some GPUs; it may belong to another user."""
        kept = {n: v for n, v in os.environ.items() if n not in (device.VISIBLE, *IN_SLURM)}
        with self._log.open("a") as log:
            job = subprocess.Popen(
                [sys.executable, HOLDER, str(gpus), self.folder, *([str(user)] if user else [])],
                env=kept | {"PYTHONPATH": str(ROOT / "workflow/src")} | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._started.append(job)
        return job

    def end(self, job: subprocess.Popen) -> None:
        """Have a job finish."""
        job.stdin.close()
        assert job.wait(PATIENCE_S) == 0

    def end_all(self) -> None:
        """Leave nothing running."""
        for job in self._started:
            with job:
                job.kill()

    @property
    def log(self) -> str:
        """What all jobs have said."""
        return self._log.read_text()

    def wait_for(self, words: str, times: int = 1) -> None:
        """Wait until the jobs have said something."""
        deadline = time.monotonic() + PATIENCE_S
        while self.log.count(words) < times:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)


def got(job: subprocess.Popen, within_s: float = PATIENCE_S) -> str | None:
    """The device that a job has; None if it has none by then."""
    ready, _, _ = select.select([job.stdout], [], [], within_s)
    return job.stdout.readline().strip() if ready else None


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        started = Jobs(Path(folder))
        try:
            yield started
        finally:
            started.end_all()


@pytest.fixture
def gpus(monkeypatch, tmp_path) -> None:
    """Two GPUs, for this process."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "device", lambda number: contextlib.nullcontext())
    monkeypatch.setattr(device, "LOCKS", tmp_path / "locks")
    for name in (device.VISIBLE, *IN_SLURM):
        monkeypatch.delenv(name, raising=False)


def test_jobs_at_once_get_distinct_gpus_and_one_more_waits_and_says_so(jobs):
    holders = [jobs.start(4) for _ in range(4)]
    names = [got(job) for job in holders]
    assert set(names) == {f"cuda:{n}" for n in range(4)}
    late = jobs.start(4)
    jobs.wait_for("device: waiting for a GPU", times=3)
    assert got(late, 0.1) is None
    assert all(f"by process {job.pid} of" in jobs.log for job in holders)
    jobs.end(holders[2])
    assert got(late) == names[2]


def test_a_killed_job_gives_its_gpu_back(jobs):
    first, second = jobs.start(2), jobs.start(2)
    held = {job: got(job) for job in (first, second)}
    third = jobs.start(2)
    jobs.wait_for("waiting for a GPU")
    first.send_signal(signal.SIGKILL)
    assert got(third) == held[first]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a job as another user")
@pytest.mark.parametrize("users", [(None, STRANGER), (STRANGER, None)])
def test_users_share_the_locks_and_neither_gets_the_gpu_of_the_other(jobs, users):
    first, second = (jobs.start(2, user) for user in users)
    assert {got(first), got(second)} == {"cuda:0", "cuda:1"}
    third = jobs.start(2, users[1])
    jobs.wait_for("waiting for a GPU")
    jobs.end(first)
    assert got(third) is not None


def test_jobs_are_distinct_within_a_list_of_visible_gpus(jobs):
    listed = {device.VISIBLE: "3,5"}
    assert {got(jobs.start(2, **listed)), got(jobs.start(2, **listed))} == {"cuda:0", "cuda:1"}
    jobs.start(2, **listed)
    jobs.wait_for("waiting for a GPU, 0 s: gpu3 by process")
    assert "gpu5 by process" in jobs.log


def test_lists_that_overlap_share_no_gpu(jobs):
    assert got(jobs.start(2, **{device.VISIBLE: "0,1"})) == "cuda:0"
    assert got(jobs.start(2, **{device.VISIBLE: "0,1"})) == "cuda:1"
    # Of 1 and 2, the second one is free.
    assert got(jobs.start(2, **{device.VISIBLE: "1,2"})) == "cuda:1"


def test_jobs_of_one_allocation_are_distinct_and_those_of_two_do_not_wait(jobs):
    one = {"SLURM_JOB_ID": "7", device.VISIBLE: "0,1"}
    other = {"SLURM_JOB_ID": "8", device.VISIBLE: "0"}
    assert {got(jobs.start(2, **one)), got(jobs.start(2, **one))} == {"cuda:0", "cuda:1"}
    assert got(jobs.start(1, **other)) == "cuda:0"


def test_a_failed_job_gives_its_gpu_back(gpus):
    with contextlib.suppress(RuntimeError), claimed(CUDA):
        raise RuntimeError
    with claimed(CUDA) as first, claimed(CUDA) as second:
        assert (first, second) == ("cuda:0", "cuda:1")


@pytest.mark.parametrize(
    ("environment", "count", "words"),
    [
        ({}, 0, r"PyTorch sees no GPU here; set compute\.device: cpu, or install"),
        ({device.VISIBLE: ""}, 0, r"no GPU here \(CUDA_VISIBLE_DEVICES is ''\); set"),
        ({device.VISIBLE: "-1"}, 0, r"no GPU here \(CUDA_VISIBLE_DEVICES is '-1'\); set"),
        ({"SLURM_JOB_ID": "7"}, 2, r"SLURM gave this job no GPU; ask for one in profiles/slurm"),
    ],
)
def test_a_job_for_a_gpu_never_runs_without(gpus, monkeypatch, environment, count, words):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoDevice, match=rf"compute\.device = 'cuda': .*{words}"):
        claimed(CUDA).__enter__()


@pytest.mark.parametrize("visible", [None, "0,1"])
def test_a_job_for_the_cpu_asks_for_no_gpu_and_sees_none(gpus, monkeypatch, visible):
    def fail() -> None:
        raise AssertionError

    monkeypatch.setattr(torch.cuda, "device_count", fail)
    if visible:
        monkeypatch.setenv(device.VISIBLE, visible)
    with claimed(CPU) as name:
        assert name == "cpu"
        assert os.environ[device.VISIBLE] == ""
        assert not device.LOCKS.exists()
    assert os.environ.get(device.VISIBLE) == visible


def test_locks_that_are_no_folder_are_one_line(gpus):
    device.LOCKS.write_text("")
    with pytest.raises(NoDevice, match=r"locks: a GPU cannot be locked \(not a folder\); have"):
        claimed(CUDA).__enter__()


def test_a_link_in_place_of_a_lock_is_refused(gpus, tmp_path):
    device.LOCKS.mkdir()
    (device.LOCKS / "gpu0.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(NoDevice, match=r"gpu0\.lock: a GPU cannot be locked"):
        claimed(CUDA).__enter__()
