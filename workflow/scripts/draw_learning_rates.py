"""Draw what every rate costs on the tuning stream."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.learning_rates import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        tuning=Path(read.tuning),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
