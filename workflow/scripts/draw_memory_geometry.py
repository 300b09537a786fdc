"""Draw what the stream leaves in the memories."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.memory_geometry import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        geometry=Path(read.geometry),
        transplant=Path(read.transplant),
        separability=Path(read.separability),
        usefulness=Path(read.usefulness),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
