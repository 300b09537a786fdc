"""Inputs of every figure, from the tables of a study that never ran."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from hopeworld import checks, settings
from hopeworld.figures import (
    clip_strips,
    contrasts,
    forgetting_recovery,
    horizon,
    learning_rates,
    online_loss,
    paired_gain,
    physics_probe,
    probe_curves,
    protocol,
    recovery,
    titan_diagnostics,
    training_curves,
)
from hopeworld.simulation.shards import simulate_shard
from tests import synthetic, tiny_clips

GATE_SKILL = 0.2
FIGURES = settings.Figures(
    methods=tuple(name for name in synthetic.TRUTHS if name != "mean_map"),
    text_width_in=5.9,
    font_pt=8.0,
    dpi=100,
)


def study_settings() -> settings.Study:
    """The default study of the project."""
    path = Path(__file__).parents[1] / "config" / "config.yaml"
    return checks.parse(yaml.safe_load(path.read_text()))


def protocol_inputs(folder: Path) -> protocol.Inputs:
    """Inputs of the protocol figure, from a folder with the summary."""
    study = study_settings()
    adaptation = dataclasses.replace(study.adaptation, methods=synthetic.methods())
    return protocol.Inputs(
        stream=folder / "tables" / "stream.parquet",
        probes=folder / "tables" / "probes.parquet",
        metrics=folder / "metrics.json",
        simulation=study.simulation,
        adaptation=adaptation,
        probe=study.splits["probe"],
    )


def clip_inputs(folder: Path, metrics: Path) -> clip_strips.Inputs:
    """Inputs of the figure of clips: one simulated episode of the small world in both domains."""
    shards = {}
    for domain in ("A", "B"):
        job = tiny_clips.shard_job(folder, "probe", domain, range(4))
        with (folder.parent / f"simulation_{domain}.log").open("w") as log:
            simulate_shard(job, log)
        shards[domain] = clip_strips.Shard(job.table, job.folder)
    world = {"simulation": tiny_clips.SIMULATION, "camera": tiny_clips.CAMERA}
    return clip_strips.Inputs(shards["A"], shards["B"], 1, metrics, **world)


def figure_inputs(folder: Path) -> dict[str, Any]:
    """Inputs of every figure by name, from a folder with the summary of the synthetic study."""
    return stream_inputs(folder) | {
        "clip_strips": clip_inputs(folder, folder / "metrics.json"),
        "training_curves": training_curves.Inputs(
            folder / "tables" / "history.parquet", folder / "metrics.json", GATE_SKILL
        ),
        "titan_diagnostics": titan_diagnostics.Inputs(
            folder / "tables" / "memory.parquet", folder / "metrics.json"
        ),
    }


def stream_inputs(folder: Path) -> dict[str, Any]:
    """Inputs of the figures of the streams, by name."""
    tables, metrics = folder / "tables", folder / "metrics.json"
    stream, evaluation, verdict = tables / "stream.parquet", synthetic.EVALUATION, synthetic.VERDICT
    return {
        "protocol": protocol_inputs(folder),
        "online_loss": online_loss.Inputs(stream, metrics, evaluation),
        "paired_gain": paired_gain.Inputs(stream, metrics, evaluation),
        "forgetting_recovery": forgetting_recovery.Inputs(metrics),
        "probe_curves": probe_curves.Inputs(tables / "probes.parquet", metrics),
        "recovery": recovery.Inputs(stream, metrics, evaluation),
        "horizon": horizon.Inputs(metrics),
        "physics_probe": physics_probe.Inputs(metrics),
        "learning_rates": learning_rates.Inputs(tables / "tuning.csv", metrics),
        "contrasts": contrasts.Inputs(
            contrasts=tables / "contrasts.csv",
            verdict=folder / "verdict.json",
            metrics=metrics,
            alpha=verdict.alpha,
            confidence=verdict.confidence,
        ),
    }
