"""Draw the diagnostics of the memories over the stream."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.style import Paths
from hopeworld.figures.titan_diagnostics import Inputs, draw

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        memory=Path(read.memory),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
