"""What happens to a study on a cluster, each at the first moment at which it can."""

from __future__ import annotations

import contextlib
import signal
import subprocess

import psutil
from tests.snakemake_runs import snakemake
from tests.workflow.slurm.study import Process, Study, kill, wait_for

ARRAYS = {"simulate_clips", "encode_clips", "encode_leakage"}
TRAINING = "hope_seed0"


def cancel_a_shard(study: Study, run: subprocess.Popen) -> None:
    """Cancel a task of an array, as a user or an administrator does."""
    tasks = wait_for("a shard", lambda: study.running("simulate_clips"), run)
    study.cluster.run("scancel", tasks[-1].name)
    wait_for("its end", lambda: tasks[-1] not in study.running("simulate_clips"), run)


def crash_the_node(study: Study, run: subprocess.Popen) -> None:
    """Kill the node's daemon under its jobs and start it again: the jobs go on."""
    jobs = wait_for("a job", lambda: study.running(*ARRAYS), run)
    study.cluster.kill_node()
    study.survivors = {job.name for job in jobs}
    study.cluster.start_node()


def meet_a_time_limit(study: Study, run: subprocess.Popen) -> None:
    """Hold a training after its second checkpoint until SLURM ends it for its time."""
    state = study.results / "training" / TRAINING / "checkpoint" / "state.pt"
    wait_for("a checkpoint", state.exists, run, 600, 0.01)
    first, process = state.stat().st_ino, _training(study)
    wait_for("another checkpoint", lambda: state.stat().st_ino != first, run, pause_s=0.002)
    kill(process.pid, signal.SIGSTOP)
    job = psutil.Process(process.pid).environ()["SLURM_JOB_ID"]
    study.cluster.run("scontrol", "update", f"JobId={job}", "EndTime=now+1")
    wait_for("a time limit", lambda: "status is: 'TIMEOUT'" in study.text, run)


def _training(study: Study) -> Process:
    """The process of the training, known by its log."""
    log = str(study.results / "logs" / "train_predictor" / f"{TRAINING}.log")
    for process in study.processes():
        with contextlib.suppress(psutil.Error):
            if log in {file.path for file in psutil.Process(process.pid).open_files()}:
                return process
    raise AssertionError(f"no process writes {log}")


def kill_the_controller(study: Study, run: subprocess.Popen) -> None:
    """Kill Snakemake while runs of the stream are under way, and do what the manual says then."""
    wait_for("a run of the stream", lambda: study.running("adapt_stream"), run, 600)
    run.kill()
    run.wait()
    study.cluster.run("scancel", "--name", study.run_name)
    study.cluster.wait_until_empty()
    unlocked = snakemake(study.clone, "--unlock", *study.arguments)
    assert unlocked.returncode == 0, unlocked.stdout


def lose_the_node(study: Study, run: subprocess.Popen) -> None:
    """Lose the node with its jobs, as the controller sees it: they go back into the queue."""
    wait_for("a run of the stream", lambda: study.running("adapt_stream"), run, 600)
    study.cluster.kill_node()
    study.cluster.declare_lost()
    study.cluster.start_node()
