"""Simulate and draw one shard of clips."""

import sys
from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.simulation.shards import ShardJob, simulate_shard

with runlog.written_to(snakemake.log[0]):
    given = snakemake.params
    job = ShardJob(
        split=given.split,
        domain=given.domain,
        clips=range(*given.clips),
        simulation=settings.read(settings.Simulation, given.simulation, "simulation"),
        appearance=settings.read(settings.Appearance, given.appearance, "appearance"),
        camera=settings.read(settings.Camera, given.camera, "camera"),
        table=Path(snakemake.output.table),
        folder=Path(snakemake.output.videos),
    )
    simulate_shard(job, log=sys.stdout)
