"""Draw the gain of every method over its frozen twin."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.paired_gain import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        stream=Path(read.stream),
        metrics=Path(read.metrics),
        evaluation=settings.read(settings.Evaluation, given.evaluation, "evaluation"),
    )
    draw(inputs, figures, Paths(**this.outputs))
