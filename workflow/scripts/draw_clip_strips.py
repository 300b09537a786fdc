"""Draw one clip in both domains beside the sliding law."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.clip_strips import Inputs, draw
from hopeworld.figures.style import Paths
from hopeworld.simulation.table import Shard

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        a=Shard(Path(read.table_a), Path(read.videos_a)),
        b=Shard(Path(read.table_b), Path(read.videos_b)),
        clip=given.clip,
        metrics=Path(read.metrics),
        simulation=settings.read(settings.Simulation, given.simulation, "simulation"),
        camera=settings.read(settings.Camera, given.camera, "camera"),
    )
    draw(inputs, figures, Paths(**this.outputs))
