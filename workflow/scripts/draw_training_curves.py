"""Draw the training curves."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.style import Paths
from hopeworld.figures.training_curves import Inputs, draw

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        history=Path(read.history),
        metrics=Path(read.metrics),
        gate_skill=given.gate_skill,
    )
    draw(inputs, figures, Paths(**this.outputs))
