"""One ablation question asked of the finished smoke study, for real."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.snakemake_runs import overlay, plan, snakemake

from hopeworld.trained import load_predictor

pytestmark = pytest.mark.slow

QUESTION = """
variants:
  static: {of: hope, model: {adaptive: []}, training: {steps: 8, single_clip_share: 1.0}}
adaptation:
  contestants: [vit_tta, vit_force_scale, hope, mean_map, static]
  methods:
    static_frozen: &frozen
      {model: static, adapt: none, learning_rate: 0.0, reset: per_clip, look_back_rate: 0.0,
      twin: static_frozen}
    static: {<<: *frozen, reset: never, look_back_rate: 30.0}
"""
JOBS = {"train_predictor": 1, "adapt_stream": 2, "summarise_study": 1, "compare_variants": 1}
JOBS |= {"decide_verdict": 1}


def test_a_variant_is_trained_streamed_and_compared_and_nothing_else_runs(run, tmp_path):
    files = [str(run.clone / "config/smoke.yaml"), overlay(tmp_path, QUESTION)[1]]
    arguments = ["--configfile", *files, "--directory", str(run.folder)]
    assert plan(run.clone, "evaluation", *arguments) == JOBS
    done = snakemake(run.clone, "evaluation", "--cores", "2", *arguments)
    assert done.returncode == 0, done.stdout[-6000:]
    training = run.results / "training" / "static_seed0"
    _, metadata = load_predictor(training / "weights.safetensors")
    assert (metadata.model, metadata.settings.adaptive) == ("hope", ())
    history = pd.read_parquet(training / "history.parquet")
    assert set(history["model"]) == {"static"}
    assert history["step"].max() == 8
    table = pd.read_csv(run.results / "tables/ablation.csv").set_index("method")
    assert list(table.index) == ["vit_tta", "vit_force_scale", "hope", "mean_map", "static"]
    assert table.loc["static", "change"] == "adaptive: [], steps: 8, single_clip_share: 1"
    assert table.loc["static", "parameters"] < table.loc["hope", "parameters"]
    assert table["gain_B"].notna().all()
    assert plan(run.clone, "evaluation", *arguments) == {}
