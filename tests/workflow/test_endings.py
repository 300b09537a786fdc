"""What the terminal shows last: warnings of the study, and why jobs failed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.snakemake_runs import checkout, snakemake
from tests.terminal import on_terminal, seen

from hopeworld.cautions import collected
from hopeworld.files import read_json

# What befalls a shard, by its split: an error of ours, one of a library, a kill, a warning.
FAULTS = """

def _befall(job):
    import os, warnings
    if job.split == "train":
        raise ValueError("of a library")
    if job.split == "validation":
        os.kill(os.getpid(), 9)
    if job.split == "probe":
        raise engine.EngineError("simulation: no such world; make another")
    warnings.warn("old texture")
    print("warning: not locked [shard]", flush=True)
"""
CALL = "    with exclusive(job.table):\n"
PROFILES = {"default": [], "none": ["--workflow-profile", "none"]}


def shard(split: str) -> str:
    return f"results/smoke/clips/{split}_A/00000.h5"


def log(split: str) -> str:
    return f"results/smoke/logs/simulate_clips/{split}_A_00000.log"


@pytest.fixture
def clone(tmp_path) -> Path:
    """A copy of the workflow whose shards end in every way."""
    folder = checkout(tmp_path / "clone")
    path = folder / "workflow/src/hopeworld/simulation/shards.py"
    text = path.read_text()
    assert text.count(CALL) == 1
    path.write_text(text.replace(CALL, f"    _befall(job)\n{CALL}") + FAULTS)
    engine = folder / "workflow/src/hopeworld/simulation/engine.py"
    engine.write_text(f"{engine.read_text()}\n\nclass EngineError(ValueError):\n    pass\n")
    return folder


def run(clone: Path, *arguments: str):
    overlay = ["--configfile", str(clone / "config/smoke.yaml")]
    return snakemake(clone, *arguments, "--cores", "2", *overlay)


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_a_failed_run_ends_with_every_cause(clone, profile):
    splits = ("probe", "train", "validation")
    done = run(clone, *map(shard, splits), "--keep-going", *PROFILES[profile])
    assert done.returncode == 1
    ending = done.stdout[done.stdout.index("3 jobs failed:") :].splitlines()
    name = "simulate_clips (Simulate and draw clips {} A, shard 00000)"
    ours, its_log, foreign, _, killed, _ = (line.strip() for line in ending[1:7])
    assert ours == f"{name.format('probe')}: simulation: no such world; make another"
    assert its_log == f"log: {log('probe')}"
    assert foreign.startswith(f"{name.format('train')}: ValueError: of a library (shards.py:")
    assert killed.startswith(f"{name.format('validation')}: it ended without a word: killed")
    assert "raise its mem_mb or run fewer jobs at once" in killed
    assert "Traceback" not in "\n".join(ending)


@pytest.mark.slow
def test_a_run_ends_with_the_warnings_of_its_jobs(clone):
    splits = ("stream_1", "tuning_1")
    done = run(clone, *map(shard, splits))
    assert done.returncode == 0, done.stdout
    ending = done.stdout[done.stdout.index("2 warnings:") :].splitlines()
    jobs = ", ".join(f"simulate_clips/{split}_A_00000" for split in splits)
    assert ending[1].startswith("  UserWarning: old texture (shards.py:")
    assert ending[1].endswith(f"(2: {jobs})")
    assert ending[2] == "  not locked (1: shard)"


@pytest.mark.slow
def test_jobs_draw_their_bars_between_the_messages_of_snakemake(clone):
    """The screen shows every message and nothing of a bar at the end."""
    targets = [shard("stream_1"), shard("tuning_1")]
    overlay = ["--configfile", str(clone / "config/smoke.yaml")]
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", "2", *overlay]
    status, written = on_terminal(command, clone)
    assert status == 0, written
    assert re.search(r"\r\[#+\.+\] stream_1_A 00000: \d/\d+ clips, [\d.]+ clips/s, ", written)
    lines = seen(written)
    assert "2 of 2 steps (100%) done" in "\n".join(lines)
    assert [line for line in lines if "clips, " in line] == []


@pytest.mark.slow
def test_warnings_of_the_results_are_products_and_in_the_report(smoke):
    found = {
        one["text"]: one["about"] for one in read_json(smoke.results / "cautions.json")["cautions"]
    }
    assert found["gate not passed"] == ["hope seed 0", "vit_ac seed 0"]
    told = [str(one) for one in collected(smoke.results)]
    assert read_json(smoke.results / "warnings.json") == told
    page = (smoke.results / "report.html").read_text()
    assert "gate not passed (2: hope seed 0, vit_ac seed 0)" in page
