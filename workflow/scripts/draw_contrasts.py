"""Draw the contrasts with the verdict."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.contrasts import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        contrasts=Path(read.contrasts),
        verdict=Path(read.verdict),
        metrics=Path(read.metrics),
        alpha=given.alpha,
        confidence=given.confidence,
    )
    draw(inputs, figures, Paths(**this.outputs))
