"""Draw the error of the predicted centre over the horizon."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.physics_probe import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
