"""Draw the loss on held-out clips over the stream."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.probe_curves import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        probes=Path(read.probes),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
