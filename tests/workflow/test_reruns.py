"""Edit → jobs: what a change reruns, and what it leaves alone.

Every output of the default study is there as an empty file that Snakemake holds to be up to date.
"""

from __future__ import annotations

import pytest
from tests.snakemake_runs import (
    FIGURES,
    checkout,
    feature_parts,
    leakage_jobs,
    learning,
    overlay,
    plan,
    read_config,
    running,
    shard_count,
    snakemake,
    stream_jobs,
)

DRAWN = dict.fromkeys((*FIGURES, "write_report"), 1)
SUMMARISED = DRAWN | dict.fromkeys(("summarise_study", "join_memory", "decide_verdict"), 1)
CONFIG = read_config()
SEEDS = CONFIG["seeds"]
METHODS = running(CONFIG)
STREAMS = CONFIG["adaptation"]["runs"]
TRAINED = {"train_predictor": 2 * len(SEEDS)}
ANALYSED = {"analyse_memory": len(learning(CONFIG)) * len(SEEDS), "predict_example": 2}
ADAPTED = SUMMARISED | ANALYSED | {"adapt_stream": stream_jobs(CONFIG)}
PUBLISHED = {"publish_dataset": 1, "write_report": 1}
INDEXED = {"index_features": 1}
LEAKAGE = {"measure_leakage": 1, "draw_leakage": 1, "write_report": 1}
HOPE = SUMMARISED | {
    "train_predictor": len(SEEDS),
    "adapt_stream": stream_jobs(CONFIG, "hope"),
    "analyse_memory": len(SEEDS),
    "predict_example": 1,
}
ONE = {"adapt_stream": len(STREAMS) * len(SEEDS), "analyse_memory": len(SEEDS)}
SHRUNK = CONFIG["splits"]["stream_3"]["a"] - CONFIG["simulation"]["episode_clips"]
TTA = ("adaptation", "methods", "vit_tta", "learning_rate")
PACKAGE = "workflow/src/hopeworld"
VARIANT = """
variants: {{static: {{of: hope, model: {model}, training: {training}}}}}
adaptation:
  contestants: [vit_tta, vit_force_scale, hope, static]
  methods:
    frozen: &one
      {{model: static, adapt: none, learning_rate: 0.0, reset: per_clip, look_back_rate: 0.0,
      twin: frozen}}
    static: {{<<: *one, reset: never, look_back_rate: 1.0}}
"""
ADDED = {
    "train_predictor": len(SEEDS),
    "adapt_stream": 2 * len(SEEDS),
    "compare_variants": 1,
    "draw_variants": 1,
}


def changed(*path: str) -> float:
    """Another value of a number of the default study."""
    value = CONFIG
    for name in path:
        value = value[name]
    return value + 1 if isinstance(value, int) else round(0.9 * value, 6)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A clone in which the default study is done."""
    clone = checkout(tmp_path_factory.mktemp("done"))
    summary = snakemake(clone, "--summary").stdout.splitlines()
    outputs = [line.split("\t")[0] for line in summary if line.startswith("results/")]
    for name in outputs:
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.touch()
        else:
            path.mkdir()
    # These are read for the captions of the report as soon as they are there.
    for name in ("metrics", "verdict"):
        (clone / f"results/default/{name}.json").write_text("{}")
    touched = snakemake(clone, "--touch", "--forceall", "--cores", "1")
    assert touched.returncode == 0, touched.stdout
    return clone


def test_nothing_is_left_to_do(done):
    assert plan(done) == {}


@pytest.mark.parametrize(
    ("text", "jobs"),
    [
        (f"figures: {{font_pt: {changed('figures', 'font_pt')}}}", DRAWN | PUBLISHED),
        ("dataset: {preview_clips: 5}", PUBLISHED),
        ("compute: {device: cuda}", {}),
        (f"training: {{gate_skill: {changed('training', 'gate_skill')}}}", ADAPTED | TRAINED),
        (f"models: {{hope: {{depth: {changed('models', 'hope', 'depth')}}}}}", HOPE),
        (
            f"adaptation: {{methods: {{vit_tta: {{learning_rate: {changed(*TTA)}}}}}}}",
            SUMMARISED | ONE | {"predict_example": 1},
        ),
        ("evaluation: {rolling_clips: 5}", SUMMARISED),
        ("verdict: {alpha: 0.01}", SUMMARISED),
        ("adaptation: {runs: [main]}", SUMMARISED | INDEXED),
        ("leakage: {modes: [clip]}", LEAKAGE | INDEXED),
        (f"leakage: {{folds: {changed('leakage', 'folds')}}}", LEAKAGE),
        (
            f"encoder: {{seed: {changed('encoder', 'seed')}}}",
            ADAPTED
            | TRAINED
            | {"encode_clips": shard_count(CONFIG, feature_parts(CONFIG))}
            | leakage_jobs(CONFIG)
            | INDEXED
            | {"fit_decoder": 1},
        ),
        (
            f"seeds: {[*SEEDS, 77]}",
            SUMMARISED
            | {
                "train_predictor": 2,
                "adapt_stream": stream_jobs(CONFIG) // len(SEEDS),
                "analyse_memory": len(learning(CONFIG)),
            },
        ),
        (f"orders: {[*CONFIG['orders'], 77]}", ADAPTED),
    ],
)
def test_a_setting_reruns_what_depends_on_it(done, tmp_path, text, jobs):
    assert plan(done, *overlay(tmp_path, text)) == jobs


def test_a_variant_adds_its_own_jobs_and_no_others(done, tmp_path):
    """What the default study has done is there as it was, whatever else is in the overlay."""
    text = VARIANT.format(model="{adaptive: []}", training="{steps: 1200}")
    assert plan(done, *overlay(tmp_path, text)) == SUMMARISED | ADDED
    unused = "variants: {static: {of: hope, model: {adaptive: []}, training: {}}}"
    assert plan(done, *overlay(tmp_path, unused)) == {}


def test_a_contestant_less_runs_nothing_again(done, tmp_path):
    text = "adaptation: {contestants: [vit_tta, hope]}"
    assert plan(done, *overlay(tmp_path, text)) == SUMMARISED


def test_physics_rerun_everything(done, tmp_path):
    jobs = plan(done, *overlay(tmp_path, "simulation: {domain_b: {mass_scale: 0.75}}"))
    assert jobs["simulate_clips"] == shard_count(CONFIG)
    assert jobs["write_report"] == 1


@pytest.mark.parametrize(
    ("file", "addition", "jobs"),
    [
        (f"{PACKAGE}/training/loop.py", "# a comment\n", {}),
        (f"{PACKAGE}/settings.py", "UNUSED = 1\n", {}),
        ("workflow/scripts/train_predictor.py", "\n", {}),
        (f"{PACKAGE}/figures/protocol.py", "UNUSED = 1\n", {"draw_protocol": 1, "write_report": 1}),
        ("workflow/report/gate.rst", "More.\n", {"write_report": 1}),
        (
            f"{PACKAGE}/models/hope/model.py",
            "UNUSED = 1\n",
            HOPE,
        ),
        (f"{PACKAGE}/adaptation/protocol.py", "UNUSED = 1\n", ADAPTED),
    ],
)
def test_code_reruns_what_runs_it(done, file, addition, jobs):
    path = done / file
    text = path.read_text()
    path.write_text(text + addition)
    try:
        assert plan(done) == jobs
    finally:
        path.write_text(text)
