"""The smoke study on a real SLURM, by the committed profile, through every fault of a cluster."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from tests.chaos.comparison import Comparison
from tests.snakemake_runs import checkout, plan
from tests.workflow.slurm import faults
from tests.workflow.slurm.cluster import LOOPBACK, running
from tests.workflow.slurm.study import Study, change_site

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

ON_A_GPU = {"encode_clips", "train_predictor", "adapt_stream", "analyse_memory", "predict_example"}
# Made first, in a run of their own. Where their clips are lent, several of each rule of
# `faults.ARRAYS` are ready at once.
SHARDS = (
    *[f"clips/{split}_{domain}" for split in ("held_out", "out_of_range") for domain in "AB"],
    *["features/tuning_1_A", "features/tuning_3_A", "leakage/prefix/A", "leakage/prefix/B"],
)
# Set, the cluster makes everything, with nothing lent; else these shards and HOPE's training, and
# what comes of them: three of the figures, and no report.
WHOLE = "HOPEWORLD_WHOLE_STUDY" in os.environ
SHORT = ["validate_clips", "index_features", "publish_dataset", "join_memory", "decide_verdict"]
SHORT += ["draw_error_maps", "draw_forgetting_recovery", "draw_leakage"]
TARGETS = ["all", "tuning"] if WHOLE else SHORT
LEFT_OUT = re.compile(
    r"(figures/|\w+/(draw|write)_|(report|settings|warnings|manifest)\.).*: missing"
)
LENT = re.compile(
    r"(clips|features|leakage|tuning)/.+/|probing/decoder|tables/tun"
    r"|(training|adaptation/\w+|probing)/(vit|mean)_|examples/vit_"
    r"|(records|logs|benchmarks)/(simulate|encode|tune|compare|fit)_"
    r"|(records|logs|benchmarks)/\w+(/\w+)?/(vit|mean)_"
)
MADE_HERE = re.compile("held_out_|out_of_range_|prefix|(features|encode_clips)/tuning_[13]")


@pytest.fixture(scope="module")
def study(smoke, tmp_path_factory):
    """The smoke study, run to its end through all faults: in three runs of Snakemake.

    It starts with the files that none of the faults needs, or, if WHOLE, with nothing.
    """
    clone = checkout(tmp_path_factory.mktemp("clone"))
    change_site(clone / "profiles" / "slurm" / "config.yaml")
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        study = Study(cluster, clone, tmp_path_factory.mktemp("run"))
        shards = [f"results/smoke/{name}/00000.h5" for name in SHARDS]
        if not WHOLE:
            lend_files(smoke.results, study.results)
        with study.watched():
            with study.running_snakemake(*shards) as run:
                faults.cancel_a_shard(study, run)
                faults.crash_the_node(study, run)
                assert run.wait(900) == 0, study.text[-6000:]
            with study.running_snakemake(*TARGETS) as run:
                faults.meet_a_time_limit(study, run)
                faults.kill_the_controller(study, run)
            with study.running_snakemake(*TARGETS) as run:
                faults.lose_the_node(study, run)
                assert run.wait(1800) == 0, study.text[-6000:]
        yield study


def lend_files(done: Path, results: Path) -> None:
    """Copy from a finished study what the cluster need not make, with records and logs."""
    for path in done.rglob("*"):
        name = str(path.relative_to(done))
        if path.is_file() and LENT.match(name) and not MADE_HERE.search(name):
            (results / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, results / name)


def test_it_ends_as_on_one_machine(study, smoke):
    lines = Comparison(smoke.results).of_all(study.results)
    assert [line for line in lines if WHOLE or not LEFT_OUT.fullmatch(line)] == []


def test_one_machine_finds_nothing_to_do(study):
    assert plan(study.clone, *TARGETS, *study.arguments) == {}


def test_a_cancelled_job_is_submitted_again(study):
    assert "status is: 'CANCELLED'" in study.text


def test_jobs_go_on_while_the_daemon_of_their_node_is_away(study):
    """They end well, under the same number."""
    states = {job.name: job.state for job in study.jobs() if job.name in study.survivors}
    assert set(states.values()) == {"COMPLETED"}


def test_the_cluster_listens_on_loopback_alone(study):
    assert study.cluster.listeners() == {LOOPBACK}


def test_a_training_resumes_after_its_time_limit(study):
    assert "TIMEOUT" in {job.state for job in study.jobs() if job.rule == "train_predictor"}
    log = study.results / "logs" / "train_predictor" / f"{faults.TRAINING}.log"
    assert re.search("resuming at step [1-9]", log.read_text())


def test_jobs_of_a_lost_node_go_back_into_the_queue(study):
    jobs = study.cluster.run("scontrol", "show", "job", "--oneliner").splitlines()
    again = [job for job in jobs if "Restarts=1 " in job]
    assert again
    assert all("JobState=COMPLETED" in job for job in again)


def test_every_gpu_job_has_a_gpu_of_its_own(study):
    given = {p.rule: set() for look in study.looks for p in look}
    for process in (p for look in study.looks for p in look):
        given[process.rule].add(process.gpus)
    assert {rule for rule, gpus in given.items() if gpus <= {"0", "1"}} >= ON_A_GPU
    assert given["simulate_clips"] == {""}
    pairs = [pair for look in study.looks for pair in combinations(look, 2)]
    both = [(a, b) for a, b in pairs if a.gpus and b.gpus]
    assert both
    assert [(a, b) for a, b in both if a.gpus == b.gpus] == []


def test_shards_are_tasks_of_arrays(study):
    assert {job.rule for job in study.jobs() if "_" in job.name} == faults.ARRAYS


def test_tables_and_figures_take_one_allocation_each(study):
    """The name of a group goes on with those of its rules."""
    done = [job.rule for job in study.jobs("completed")]
    assert Counter(name.split("_")[0] for name in done if "_draw_" in name) == {"figures": 1}
    assert len([name for name in done if name.startswith("tables_")]) == 1
    assert not [name for name in done if name.startswith("draw_")]


def test_nothing_runs_on(study):
    assert study.processes() == []
    assert {job.state for job in study.jobs()} <= {"COMPLETED", "CANCELLED", "TIMEOUT"}
