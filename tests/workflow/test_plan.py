"""What Snakemake plans on a fresh clone: no data, no GPU, no conda."""

from __future__ import annotations

import functools

import pytest
from tests.snakemake_runs import (
    FIGURES,
    TABLES,
    checkout,
    feature_parts,
    forked,
    leakage_jobs,
    learning,
    overlay,
    plan,
    read_config,
    running,
    shard_count,
    snakemake,
    stream_jobs,
    trainings,
)

ONCE = (
    *FIGURES,
    *TABLES,
    "validate_clips",
    "index_features",
    "publish_dataset",
    "write_report",
    "write_manifest",
    "fit_decoder",
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def planned(clone):
    """The plan of some arguments; made once for all tests."""
    return functools.cache(lambda *arguments: plan(clone, *arguments))


def sweep(config: dict) -> dict:
    """The jobs of a sweep of rates, where a study takes its rates from one."""
    adaptation = config["adaptation"]
    if adaptation["rates"] == "given":
        return {}
    rates = sum(map(len, adaptation["tuning"].values()))
    jobs = {"compare_rates": 1, "draw_learning_rates": 1}
    return jobs | {"tune_method": rates * len(adaptation["tuning_seeds"])}


def formulas(config: dict) -> dict:
    """The jobs that make predictors which are formulas."""
    made = {m["model"] for m in running(config).values()} & {"mean_map", "linear_extrapolation"}
    return {"fit_closed_form": len(made) * len(config["seeds"])} if made else {}


@pytest.mark.parametrize(
    "overlays", [[], ["smoke"], ["thesis"], ["thesis", "clip"], ["ablation"], ["verdict"]]
)
def test_a_fresh_clone_plans_every_rule(planned, overlays):
    config = read_config(*overlays)
    seeds = len(config["seeds"])
    variants = {"compare_variants": 1, "draw_variants": 1}
    fetched = {"fetch_weights": 1}
    extra = {"thesis": fetched, "thesisclip": fetched, "ablation": variants}
    files = [f"config/{name}.yaml" for name in overlays]
    once = [rule for rule in ONCE if rule != "draw_leakage" or config["leakage"]["modes"]]
    assert planned(*(["--configfile", *files] if files else [])) == dict.fromkeys(once, 1) | {
        "simulate_clips": shard_count(config),
        "encode_clips": shard_count(config, feature_parts(config)),
        "train_predictor": len(trainings(config)) * seeds,
        "adapt_stream": stream_jobs(config),
        "analyse_memory": len(learning(config)) * seeds,
        "predict_example": len({"vit_tta", "hope"} & set(running(config))),
    } | leakage_jobs(config) | sweep(config) | formulas(config) | extra.get("".join(overlays), {})


def test_a_study_may_do_without_the_leakage_study(clone, tmp_path):
    jobs = plan(clone, *overlay(tmp_path, "leakage: {modes: []}"))
    assert not {"encode_leakage", "measure_leakage", "draw_leakage"} & set(jobs)
    assert plan(clone, "leakage") == leakage_jobs(read_config()) | {"simulate_clips": 2}


def test_shards_are_counted_by_hand_once():
    config = {"splits": {"train": {"a": 65, "b": 0}, "probe": {"a": 64, "b": 1}}}
    parts = {("train", "A"), ("train", "B"), ("probe", "A"), ("probe", "B")}
    assert shard_count(config | {"store": {"clips_per_shard": 64}}, parts) == 2 + 0 + 1 + 1


def test_the_catalog_finds_the_same_jobs(planned):
    assert planned("--snakefile", "workflow/Snakefile") == planned()


def test_the_profile_for_slurm_plans_the_same_jobs(planned):
    arguments = ("--configfile", "config/thesis.yaml")
    assert planned("--workflow-profile", "profiles/slurm", *arguments) == planned(*arguments)


def test_it_runs_from_any_folder(clone, planned, tmp_path):
    arguments = ("--snakefile", str(clone / "Snakefile"), "--workflow-profile", "none")
    assert plan(tmp_path, *arguments) == planned()


@pytest.mark.parametrize(
    ("target", "last"),
    [
        ("clips", "validate_clips"),
        ("dataset", "publish_dataset"),
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
        ("adaptation: {contestants: [lstm]}", "names of adaptation.methods"),
        ("adaptation: {streams: {main: {clips: [24, 480, 32]}}}", "longer than its clips"),
        ("verdict: {enabled: true}", "the study has 2; add seeds"),
    ],
)
def test_a_wrong_setting_stops_before_any_job(clone, tmp_path, text, words):
    done = forked(clone, "--cores", "1", *overlay(tmp_path, text))
    assert done.returncode == 1
    error = done.stdout.splitlines()[-1]
    assert error.startswith("error: config: ")
    assert words in error
    assert "Traceback" not in done.stdout
    assert not (clone / "results").exists()


def test_weights_that_are_not_there_stop_before_any_job(clone, tmp_path):
    done = forked(clone, "--cores", "1", *overlay(tmp_path, "encoder: {weights: no/such.pt}"))
    assert done.returncode == 1
    assert "no/such.pt" in done.stdout
    assert not (clone / "results").exists()
