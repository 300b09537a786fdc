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
from tests.small_disk import run_on_small_disk
from tests.snakemake_runs import ROOT, checkout, dry_run, plan, snakemake
from tests.snapshots import flip_latent, snapshot

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


@pytest.fixture
def clone(tmp_path):
    """A copy of the workflow in which nothing has run."""
    return checkout(tmp_path / "clone")


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


def hopeworld(*arguments: object) -> subprocess.CompletedProcess:
    """Run the command line as a user would."""
    command = [sys.executable, "-m", "hopeworld.cli", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def repaired(kind: str, results: Path) -> list[str]:
    """The lines of what a repair has made again."""
    done = hopeworld(kind, "repair", results)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "made again" in line]


def files(run) -> dict[str, tuple[str, int | None]]:
    """Digests of all results, and times where a repair leaves or restores them."""
    return {
        name: (digest, None if name.endswith(".mp4") or "features/" in name else modified)
        for name, (digest, modified) in snapshot(run.results).items()
    }


def test_a_damaged_shard_is_named_and_repaired_and_the_run_goes_on(run):
    shard = run.results / "features" / "probe_A" / "00000.h5"
    stream = run.results / "adaptation" / "main" / "vit_tta_seed0"
    before, probes = files(run), (stream / "probes.parquet").read_bytes()
    flip_latent(shard, 2)
    shutil.rmtree(stream)
    failed = snakemake(run.clone, "adaptation", "--cores", "1", *run.arguments)
    assert failed.returncode == 1
    line = next(x for x in failed.stdout.splitlines() if x.startswith("error: "))
    assert "features/probe_A/00000.h5: checksum of clip 2" in line
    assert "run `hopeworld features repair results/smoke`, or delete" in line
    assert "Traceback" not in failed.stdout
    assert repaired("features", run.results) == [f"{shard}: made again, the same as before"]
    after, stored = files(run), ("features/", "clips/")
    assert [n for n in before if n.startswith(stored) and after[n] != before[n]] == []
    again = snakemake(run.clone, "adaptation", "--cores", "1", *run.arguments)
    assert again.returncode == 0, again.stdout
    assert "encode_clips" not in again.stdout
    assert (stream / "probes.parquet").read_bytes() == probes


def test_a_deleted_shard_is_missed_and_repaired_and_nothing_runs(run):
    """Snakemake does not miss a file whose uses are all done."""
    shard = run.results / "features" / "train_A" / "00000.h5"
    before = files(run)
    shard.unlink()
    assert plan(run.clone, *run.arguments) == {}
    checked = hopeworld("features", "verify", run.results)
    assert checked.returncode == 1
    assert checked.stdout.startswith(f"{shard}: no such feature shard")
    assert repaired("features", run.results) == [f"{shard}: made again, the same as before"]
    assert files(run) == before
    assert plan(run.clone, *run.arguments) == {}


def test_a_table_of_other_code_keeps_no_run_from_its_start(run):
    """The captions are made of tables; a plan is made before they are drawn again."""
    (run.results / "figures" / "horizon.csv").write_text("column\n1\n")
    done = dry_run(run.clone, *run.arguments)
    assert done.returncode == 0, done.stdout
    assert (
        "captions: a table of figures/ cannot be read, no sentence of it (KeyError(" in done.stdout
    )


def test_a_truncated_and_a_deleted_clip_are_repaired_and_nothing_runs(run):
    one = run.results / "clips" / "probe_A" / "00000" / "000000.mp4"
    other = run.results / "clips" / "train_A" / "00001" / "000009.mp4"
    before = files(run)
    os.truncate(one, 1000)
    other.unlink()
    checked = hopeworld("clips", "verify", run.results)
    assert checked.returncode == 1
    first, second = checked.stdout.splitlines()[-2:]
    assert f"{one}: not readable" in first
    assert f"{other}: no such clip; run `hopeworld clips repair {run.results}`" in second
    assert repaired("clips", run.results) == [
        f"{path}: made again, the same as before" for path in (one, other)
    ]
    assert files(run) == before
    assert plan(run.clone, *run.arguments) == {}


def test_a_disk_too_small_for_the_features_ends_the_run_before_any_job(clone, tmp_path):
    folder = tmp_path / "disk"
    overlay = str(clone / "config" / "smoke.yaml")
    arguments = ["features", "--cores", "1", "--configfile", overlay, "--directory", str(folder)]
    snakefile = ["--snakefile", str(clone / "Snakefile")]
    command = [sys.executable, "-m", "snakemake", *snakefile, *arguments]
    done = run_on_small_disk(folder, "3m", *command)
    assert done.returncode == 1
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert "still to be made; 0.003 GB are free in results/smoke; free some space" in line
    assert "rule simulate_clips" not in done.stderr
