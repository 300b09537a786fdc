"""The smallest study, run for real in a folder of its own: every rule, every output, the report."""

from __future__ import annotations

import json
import re
import subprocess

import h5py
import numpy as np
import pandas as pd
import pytest
from tests.snakemake_runs import (
    FIGURES,
    ROOT,
    clip_parts,
    feature_parts,
    leakage_jobs,
    learning,
    plan,
    read_config,
    running,
    shard_count,
    stream_jobs,
)

from hopeworld import schema
from hopeworld.settings import PHASES
from hopeworld.video.clips import read_clip

pytestmark = pytest.mark.slow

CONFIG = read_config("smoke")
PARTS = {
    f"{split}_{domain}": CONFIG["splits"][split]["a" if domain == "A" else "b"]
    for split, domain in sorted(clip_parts(CONFIG))
}
PARTS = {part: count for part, count in PARTS.items() if count}
ENCODED = {f"{split}_{domain}" for split, domain in feature_parts(CONFIG, tuning=True)}
METHODS = running(CONFIG)
STREAMS = CONFIG["adaptation"]["streams"]
RATES = [(name, rate) for name, rates in CONFIG["adaptation"]["tuning"].items() for rate in rates]


@pytest.fixture
def results(smoke):
    return smoke.results


def test_a_second_run_has_nothing_to_do(smoke):
    assert plan(smoke.clone, "all", "tuning", *smoke.arguments) == {}


def test_results_stand_in_the_working_folder_alone(smoke):
    assert not (smoke.clone / "results").exists()
    assert {path.name for path in smoke.folder.iterdir()} == {".snakemake", "results"}


@pytest.mark.parametrize("mode", CONFIG["leakage"]["modes"])
def test_features_of_the_leakage_study_end_with_the_latest_push(results, mode):
    for domain in "AB":
        with h5py.File(results / "leakage" / mode / domain / "00000.h5") as shard:
            assert shard.attrs["mode"] == mode
            assert shard["latent"].shape[:2] == (PARTS[f"leakage_{domain}"], 3)
    table = pd.read_csv(results / "tables/leakage.csv").query("mode == @mode")
    assert table["t"].tolist() == [1, 1, 2, 2, 3, 3]
    assert table["equal_pairs"].eq(mode != "clip").all()


def check_features(path, clips):
    """A shard holds the latents of the clips."""
    with h5py.File(path) as shard:
        assert shard.attrs["complete"]
        assert "random" in shard.attrs["weights"]
        assert shard["clip"][:].tolist() == clips
        patches = (CONFIG["camera"]["image_px"] // 16) ** 2
        assert shard["latent"].shape == (len(clips), 8, patches, 1024)
        assert np.isfinite(shard["latent"][:]).all()
        assert np.ptp(shard["latent"][:]) > 0


@pytest.mark.parametrize("part", PARTS)
def test_clips_and_features_are_whole(results, part):
    names = sorted(path.name for path in (results / "clips" / part).glob("*.h5"))
    seen = []
    for name in names:
        with h5py.File(results / "clips" / part / name) as table:
            assert table.attrs["complete"]
            assert set(table) == set(schema.CLIP_SHARD)
            clips = table["clip"][:].tolist()
        if part in ENCODED:
            check_features(results / "features" / part / name, clips)
        folder = results / "clips" / part / name.removesuffix(".h5")
        assert sorted(int(p.stem) for p in folder.glob("*.mp4")) == clips
        size = CONFIG["camera"]["image_px"]
        assert read_clip(folder / f"{clips[0]:06d}.mp4").shape == (16, size, size, 3)
        seen += clips
    assert seen == list(range(PARTS[part]))


def test_the_clips_obey_the_sliding_law(results):
    validity = json.loads((results / "validity.json").read_text())
    assert {f"{g['split']}_{g['domain']}" for g in validity["groups"]} == set(PARTS)
    assert all(group["frame_error"] < validity["limit"] for group in validity["groups"])


def test_the_data_set_is_whole(results):
    """What is in it is tested with smaller clips."""
    folder = results / "dataset"
    done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=False)
    assert done.returncode == 0
    clips = pd.read_parquet(folder / "clips.parquet")
    found = set(clips[["split", "domain"]].itertuples(index=False, name=None))
    assert found == {tuple(part.rsplit("_", 1)) for part in PARTS}


@pytest.mark.parametrize("model", ["vit_ac", "hope"])
def test_a_training_leaves_its_history_and_its_gate(results, model):
    folder = results / "training" / f"{model}_seed0"
    history = pd.read_parquet(folder / "history.parquet")
    assert list(history) == list(schema.HISTORY)
    losses = history[(history["split"] == "train") & (history["name"] == "loss")]
    assert losses["step"].tolist() == list(range(1, CONFIG["training"]["steps"] + 1))
    assert losses["value"].iloc[-1] < losses["value"].iloc[0]
    gate = json.loads((folder / "gate.json").read_text())
    assert (gate["model"], gate["seed"]) == (model, 0)
    assert (folder / "weights.safetensors").stat().st_size > 1e5


@pytest.mark.parametrize("name", CONFIG["adaptation"]["runs"])
def test_a_stream_has_every_clip_of_every_method(results, name):
    stream = pd.read_parquet(results / "tables/stream.parquet").query("stream == @name")
    assert set(stream) == set(schema.STREAM)
    assert set(stream["method"]) == set(running(CONFIG, name))
    online = stream[(stream["kind"] == "online") & (stream["region"] == "object")]
    clips = online.groupby(["method", "phase"])["k"].nunique()
    for phase, count in zip(PHASES, STREAMS[name]["clips"], strict=False):
        assert set(clips.xs(phase, level="phase")) == {count}
    assert (stream.groupby(["method", "kind"])["t"].nunique() == 7).all()
    assert np.isfinite(online["loss"]).all()


def test_a_frozen_method_is_its_own_twin(results):
    stream = pd.read_parquet(results / "tables/stream.parquet").dropna(subset=["loss"])
    for name, method in METHODS.items():
        rows = stream[stream["method"] == name]
        same = np.array_equal(rows["loss"], rows["loss_frozen"])
        assert same == (method["twin"] == name)


def test_every_rate_is_compared_on_the_tuning_stream(results):
    table = pd.read_csv(results / "tables/tuning.csv")
    assert set(zip(table["method"], table["rate"], strict=True)) == set(RATES)


def test_metrics_name_the_weights_and_the_gates(results):
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["encoder"]["weights"] == "random"
    assert {run["model"] for run in metrics["gate"]["runs"]} == {"vit_ac", "hope"}
    assert set(METHODS) <= set(metrics["methods"])
    gates = pd.read_csv(results / "tables/gate.csv")
    assert set(gates["model"]) == {"vit_ac", "hope"}
    assert len(pd.read_csv(results / "tables/final_losses.csv")) > len(METHODS)
    assert "tabular" in (results / "tables/final_losses.tex").read_text()


@pytest.mark.parametrize("name", [rule.removeprefix("draw_") for rule in FIGURES])
def test_every_figure_has_its_three_files(results, name):
    figure = results / "figures" / name
    assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert figure.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(figure.with_suffix(".csv"))) > 0


def test_the_report_opens_offline_and_says_what_it_shows(results):
    page = (results / "report.html").read_text()
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\\?[\"']https?://", page) == []
    titles = (
        "<h1>The question</h1>",
        "<h1>Gate</h1>",
        "1 Gate",
        "2 Figures",
        "3 Tables",
        "4 Data set",
        "Commit",
    )
    for words in (*titles, "no verdict: n = 1 &lt; 6", "not pretrained"):
        assert words in page
    metrics = json.loads((results / "metrics.json").read_text())
    for gate in metrics["gate"]["runs"]:
        assert f"object skill {gate['skill']:.3f}" in page
    # docutils writes its complaints about a caption into the page.
    assert "system-message" not in page
    assert str(ROOT) not in page


def test_every_job_left_a_log_and_a_benchmark(results):
    # A formula, the decoder, two examples, the analyses and their table, and the verdict.
    learnt = 1 + 1 + 2 + len(learning(CONFIG)) + 1 + 1
    jobs = 2 + stream_jobs(CONFIG) + len(RATES) + len(FIGURES) + 7 + learnt
    jobs += shard_count(CONFIG) + shard_count(CONFIG, feature_parts(CONFIG, tuning=True))
    jobs += sum(leakage_jobs(CONFIG).values())
    for folder, ending in (("logs", "log"), ("benchmarks", "tsv")):
        found = {p.relative_to(results / folder) for p in (results / folder).rglob(f"*.{ending}")}
        assert len(found) == jobs
    assert "Traceback" not in "".join(p.read_text() for p in results.rglob("*.log"))
    # All but the manifest, which is joined from them.
    assert len(list((results / "records").rglob("*.json"))) == jobs - 1


def test_it_stays_small(results):
    """The processor time of all jobs, Snakemake aside: a busy machine changes little of it."""
    tables = [pd.read_csv(path, sep="\t") for path in (results / "benchmarks").rglob("*.tsv")]
    assert sum(table["cpu_time"].sum() for table in tables) < 1500
