"""A run that is stopped or forbidden to write: a clear end, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from tests.chaos.comparison import Comparison, unfinished_files
from tests.chaos.study import Study, jobs
from tests.snakemake_runs import checkout
from tests.user_namespaces import as_another_user, with_read_only

pytestmark = pytest.mark.slow

TARGETS = tuple(f"results/smoke/clips/{part}/00000.h5" for part in ("leakage_A", "train_A"))
GO_ON = "run the same command again to go on"


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    return checkout(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def uninterrupted(clone, tmp_path_factory) -> Comparison:
    """What the targets are where nothing goes wrong."""
    study = Study(clone, tmp_path_factory.mktemp("whole"), TARGETS)
    assert study.start().wait() == 0, study.output.read_text()
    return Comparison(study.results)


@pytest.fixture
def study(clone, tmp_path) -> Study:
    """The same command in a folder of its own, of one job after the other."""
    folder = tmp_path / "run"
    folder.mkdir()
    return Study(clone, folder, TARGETS, cores=1)


def writing(study: Study, snakemake: psutil.Popen) -> psutil.Process:
    """The process of the first job, once it has written a clip."""
    deadline = time.monotonic() + 200
    while not list(study.results.rglob("*.mp4")):
        assert time.monotonic() < deadline
        assert snakemake.poll() is None, study.output.read_text()
        time.sleep(0.005)
    return jobs(snakemake)[0].process


def ended(study: Study, snakemake: psutil.Popen) -> str:
    """What a run said that ended with an error, leaving no process behind."""
    assert snakemake.wait(100) not in (0, None)
    assert study.processes() == []
    return study.output.read_text()


def goes_on(study: Study, uninterrupted: Comparison) -> None:
    """Nothing half-written has a final name, and the same command makes the rest."""
    assert uninterrupted.of_whole_files(study.results) == []
    assert study.start().wait() == 0, study.output.read_text()
    assert uninterrupted.of_all(study.results) == []


def logs(study: Study) -> list[str]:
    return [path.read_text() for path in sorted(study.results.rglob("*.log"))]


def test_ctrl_c_ends_everything_with_a_line_of_each_job(study, uninterrupted):
    snakemake = study.start(start_new_session=True)
    writing(study, snakemake)
    os.killpg(snakemake.pid, signal.SIGINT)  # as a terminal does
    said = ended(study, snakemake)
    assert f"error: stopped by SIGINT; {GO_ON} (log: results/smoke/logs/simulate_clips/" in said
    assert "Traceback" not in said
    assert [log.splitlines()[-1] for log in logs(study)] == [f"error: stopped by SIGINT; {GO_ON}"]
    assert unfinished_files(study.results) == []
    goes_on(study, uninterrupted)


def test_a_terminated_job_says_so_and_takes_its_files_along(study, uninterrupted):
    snakemake = study.start()
    writing(study, snakemake).terminate()
    said = ended(study, snakemake)
    assert f"error: stopped by SIGTERM; {GO_ON}" in said
    assert "Traceback" not in said
    assert unfinished_files(study.results) == []
    goes_on(study, uninterrupted)


def test_a_terminated_snakemake_lets_its_job_end_and_starts_no_other(study, uninterrupted):
    snakemake = study.start()
    writing(study, snakemake)
    snakemake.terminate()
    said = ended(study, snakemake)
    assert "Will exit after finishing currently running jobs" in said
    assert "1 of 2 steps" in said
    assert "Traceback" not in said
    assert len(list(study.results.glob("clips/*/00000.h5"))) == 1
    goes_on(study, uninterrupted)


def test_permission_that_is_lost_in_the_middle_is_named_with_the_file(study, uninterrupted):
    snakemake = study.start(as_another_user())
    writing(study, snakemake)
    (folder,) = study.results.glob("clips/*/00000")
    folder.chmod(0o555)
    said = ended(study, snakemake)
    folder.chmod(0o755)
    assert f"error: {folder.relative_to(study.folder)}/0" in said
    assert "no permission to write the clip; give user " in said
    assert "Traceback" not in "".join(logs(study))
    goes_on(study, uninterrupted)


@pytest.mark.parametrize("forbidden", ["results", "."])
def test_read_only_results_end_the_run_before_any_job(study, forbidden):
    (study.folder / "results").mkdir()
    done = subprocess.run(
        [*with_read_only(study.folder / forbidden), *study.arguments],
        cwd=study.clone,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    place = (study.folder / forbidden).resolve()
    assert line.startswith(f"error: {place}: user ")
    assert line.endswith("allow it, or work in another --directory")
    assert "Traceback" not in done.stderr
    assert "rule simulate_clips" not in done.stderr
    assert list((study.folder / "results").iterdir()) == []
