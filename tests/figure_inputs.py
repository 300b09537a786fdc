"""Inputs of every figure, from the tables of a study that never ran."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from hopeworld import settings
from hopeworld.figures import (
    clip_strips,
    forgetting_recovery,
    online_loss,
    paired_gain,
    protocol,
    titan_diagnostics,
    training_curves,
)
from hopeworld.simulation.shards import simulate_shard
from tests import synthetic, tiny_clips

GATE_SKILL = 0.2


def study_settings() -> settings.Study:
    """The default study of the project."""
    path = Path(__file__).parents[1] / "config" / "config.yaml"
    return settings.parse(yaml.safe_load(path.read_text()))


def protocol_inputs(folder: Path) -> protocol.Inputs:
    """Inputs of the protocol figure, from a folder with the summary."""
    study = study_settings()
    methods = study.adaptation.running
    return protocol.Inputs(
        stream=folder / "tables" / "stream.parquet",
        probes=folder / "tables" / "probes.parquet",
        metrics=folder / "metrics.json",
        simulation=study.simulation,
        adaptation=dataclasses.replace(study.adaptation, methods=methods),
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
    tables, metrics = folder / "tables", folder / "metrics.json"
    stream = tables / "stream.parquet"
    return {
        "protocol": protocol_inputs(folder),
        "clip_strips": clip_inputs(folder, metrics),
        "training_curves": training_curves.Inputs(tables / "history.parquet", metrics, GATE_SKILL),
        "online_loss": online_loss.Inputs(stream, metrics, synthetic.EVALUATION),
        "paired_gain": paired_gain.Inputs(stream, metrics, synthetic.EVALUATION),
        "forgetting_recovery": forgetting_recovery.Inputs(metrics),
        "titan_diagnostics": titan_diagnostics.Inputs(tables / "memory.parquet", metrics),
    }
