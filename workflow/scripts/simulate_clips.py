"""Simulate and draw one shard of clips."""

import sys

from hopeworld import jobs, settings
from hopeworld.simulation.shards import ShardJob, simulate_shard

with jobs.running(snakemake) as this:
    given = snakemake.params
    job = ShardJob(
        split=given.split,
        domain=given.domain,
        clips=range(*given.clips),
        simulation=settings.read(settings.Simulation, given.simulation, "simulation"),
        appearance=settings.read(settings.Appearance, given.appearance, "appearance"),
        camera=settings.read(settings.Camera, given.camera, "camera"),
        table=this.outputs["table"],
        folder=this.outputs["videos"],
    )
    simulate_shard(job, log=sys.stdout)
