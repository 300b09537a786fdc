"""What Snakemake plans on a fresh clone: no data, no GPU, no conda."""

from __future__ import annotations

import pytest
from tests.snakemake_runs import (
    FIGURES,
    USED,
    checkout,
    overlay,
    plan,
    read_config,
    running,
    shard_count,
    snakemake,
)

ONCE = (*FIGURES, "validate_clips", "summarise_study", "write_report")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("clone"))


@pytest.mark.parametrize("overlays", [[], ["smoke"], ["thesis"], ["ablation"]])
def test_a_fresh_clone_plans_every_rule(clone, overlays):
    config = read_config(*overlays)
    runs = len(config["seeds"]) * len(config["orders"])
    methods = running(config)
    extra = {"thesis": {"fetch_weights": 1}, "ablation": {"compare_variants": 1}}
    files = [f"config/{name}.yaml" for name in overlays]
    assert plan(clone, *(["--configfile", *files] if files else [])) == dict.fromkeys(ONCE, 1) | {
        "simulate_clips": shard_count(config),
        "encode_clips": shard_count(config, USED),
        "train_predictor": len({m["model"] for m in methods.values()}) * len(config["seeds"]),
        "adapt_stream": len(methods) * runs,
    } | extra.get("".join(overlays), {})


def test_shards_are_counted_by_hand_once():
    config = {"splits": {"train": {"a": 65, "b": 0}, "probe": {"a": 64, "b": 1}}}
    assert shard_count(config | {"store": {"clips_per_shard": 64}}) == 2 + 0 + 1 + 1


def test_the_catalog_finds_the_same_jobs(clone):
    assert plan(clone, "--snakefile", "workflow/Snakefile") == plan(clone)


def test_the_profile_for_slurm_plans_the_same_jobs(clone):
    arguments = ("--configfile", "config/thesis.yaml")
    slurm = plan(clone, "--workflow-profile", "profiles/slurm", *arguments)
    assert slurm == plan(clone, *arguments)


def test_it_runs_from_any_folder(clone, tmp_path):
    arguments = ("--snakefile", str(clone / "Snakefile"), "--workflow-profile", "none")
    assert plan(tmp_path, *arguments) == plan(clone)


@pytest.mark.parametrize(
    ("target", "last"),
    [
        ("clips", "validate_clips"),
        ("features", "encode_clips"),
        ("training", "train_predictor"),
        ("adaptation", "adapt_stream"),
        ("evaluation", "summarise_study"),
        ("figures", "draw_protocol"),
        ("report", "write_report"),
    ],
)
def test_a_stage_can_be_asked_for_by_name(clone, target, last):
    order = ["simulate_clips", "encode_clips", "train_predictor", "adapt_stream"]
    order += ["summarise_study", "draw_protocol", "write_report"]
    jobs = plan(clone, target)
    assert last in jobs
    later = order[order.index(last) + 1 :] if last in order else order[1:]
    assert not set(later) & set(jobs)


def test_lint_finds_nothing(clone):
    done = snakemake(clone, "--lint")
    assert done.returncode == 0, done.stdout
    assert "good condition" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {learning_rate: 3e-4}", "training.learning_rate = '3e-4'"),
        ("trainings: {steps: 3}", "trainings"),
        ("simulation: {step_hz: 1000}", "multiple of frame_hz = 12"),
        ("splits: {probe: {a: 0}}", "splits.probe.a"),
        ("camera: 3", "camera = 3: not a section"),
    ],
)
def test_a_wrong_setting_stops_before_any_job(clone, tmp_path, text, words):
    done = snakemake(clone, "--cores", "1", *overlay(tmp_path, text))
    assert done.returncode == 1
    error = done.stdout.splitlines()[-1]
    assert error.startswith("error: config: ")
    assert words in error
    assert "Traceback" not in done.stdout
    assert not (clone / "results").exists()


def test_weights_that_are_not_there_stop_before_any_job(clone, tmp_path):
    done = snakemake(clone, "--cores", "1", *overlay(tmp_path, "encoder: {weights: no/such.pt}"))
    assert done.returncode == 1
    assert "no/such.pt" in done.stdout
    assert not (clone / "results").exists()
