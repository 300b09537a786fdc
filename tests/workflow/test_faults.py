"""Faults, on copies of the finished smoke study: a clear word, and one command mends them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.snakemake_runs import plan, snakemake

pytestmark = pytest.mark.slow


def digests(folder: Path) -> dict[str, str]:
    """The content of every weights file and table below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".parquet"))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def job_process(script: str, folder: Path) -> int | None:
    """The process that runs a rule's script in a folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            is_python = b"python" in Path(os.fsdecode(command[0])).name.encode()
            is_script = any(part.endswith(script.encode()) for part in command[1:])
            if is_python and is_script and (entry / "cwd").resolve() == folder:
                return int(entry.name)
        except (OSError, IndexError):
            continue
    return None


def test_a_moved_study_is_still_done(run):
    assert plan(run.clone, *run.arguments) == {}


def test_a_killed_training_ends_with_the_same_bytes(run):
    folder = run.results / "training" / "hope_seed0"
    before = digests(folder)
    shutil.rmtree(folder)
    command = [sys.executable, "-m", "snakemake", "training", "--cores", "1", *run.arguments]
    started = subprocess.Popen(
        command, cwd=run.clone, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 200
    while not (folder / "checkpoint" / "state.pt").exists():
        assert time.monotonic() < deadline
        assert started.poll() is None
        time.sleep(0.01)
    process = job_process("train_predictor.py", run.folder)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    assert started.wait(60) == 1
    assert not (folder / "weights.safetensors").exists()
    again = snakemake(run.clone, "training", "--cores", "1", *run.arguments)
    assert again.returncode == 0, again.stdout
    log = run.results / "logs" / "train_predictor" / "hope_seed0.log"
    assert "resuming at step" in log.read_text()
    assert digests(folder) == before


def test_a_damaged_shard_is_named_and_made_again(run):
    shard = run.results / "features" / "probe_A" / "00000.h5"
    bytes_before = shard.read_bytes()
    damaged = bytearray(bytes_before)
    middle = len(damaged) // 2
    damaged[middle] ^= 0xFF
    shard.write_bytes(damaged)
    arguments = ("adaptation", "--cores", "1", *run.arguments)
    failed = snakemake(run.clone, *arguments)
    assert failed.returncode == 1
    line = next(x for x in failed.stdout.splitlines() if x.startswith("error: "))
    assert "features/probe_A/00000.h5" in line
    assert "clip" in line
    assert "delete" in line
    assert "Traceback" not in failed.stdout
    shard.unlink()
    assert plan(run.clone, *arguments)["encode_clips"] == 1
    assert snakemake(run.clone, *arguments).returncode == 0
    assert shard.read_bytes() == bytes_before
