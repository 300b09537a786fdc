"""Draw what each mode of the encoder tells of the future."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.leakage import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        leakage=Path(read.leakage),
        metrics=Path(read.metrics),
        confidence=given.confidence,
    )
    draw(inputs, figures, Paths(**this.outputs))
