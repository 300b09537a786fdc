"""Draw what each switch does."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.style import Paths
from hopeworld.figures.variants import Inputs, draw

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        ablation=Path(read.ablation),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
