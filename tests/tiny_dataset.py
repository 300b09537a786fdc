"""A tiny data set: every kind of part, one of them in two shards."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

from hopeworld.dataset.publish import Publication
from hopeworld.simulation.shards import simulate_shard
from hopeworld.simulation.table import Shard
from hopeworld.simulation.validity import validate
from tests.figure_inputs import FIGURES
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION, shard_job

SHARDS = [
    ("train", "A", range(4)),
    ("train", "A", range(4, 8)),
    ("probe", "A", range(4)),
    ("probe", "B", range(4)),
    ("out_of_range", "A", range(4)),
    ("held_out", "B", range(4)),
    ("probe", "friction", range(4)),
]
PARTS = {"train_A": 8} | dict.fromkeys(
    ("probe_A", "probe_B", "probe_friction", "out_of_range_A", "held_out_B"), 4
)
PREVIEW_CLIPS = 3


def simulated(folder: Path) -> tuple[Shard, ...]:
    """Simulate all shards where the workflow puts them."""
    shards = []
    for split, domain, clips in SHARDS:
        job = shard_job(folder, split, domain, clips)
        table = job.table.with_name(f"{clips.start // 4:05d}.h5")
        job = dataclasses.replace(job, table=table, folder=table.with_suffix(""))
        simulate_shard(job, io.StringIO())
        shards.append(Shard(table, job.folder))
    return tuple(shards)


def publication(shards: tuple[Shard, ...]) -> Publication:
    """All that the rule gives to the job."""
    sections = {"simulation": SIMULATION, "appearance": APPEARANCE, "camera": CAMERA}
    plain = {name: dataclasses.asdict(section) for name, section in sections.items()}
    return Publication(
        study="tiny",
        shards=shards,
        validity=validate([shard.table for shard in shards], SIMULATION),
        sections=plain | {"dataset": {"severities": ["friction"], "preview_clips": PREVIEW_CLIPS}},
        figures=FIGURES,
        papers={"LICENSE": "the licence\n", "CITATION.cff": "the citation\n"},
        code="0123",
    )
