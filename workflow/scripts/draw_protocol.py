"""Draw the protocol."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.protocol import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        stream=Path(read.stream),
        probes=Path(read.probes),
        metrics=Path(read.metrics),
        simulation=settings.read(settings.Simulation, given.simulation, "simulation"),
        adaptation=settings.read(settings.Adaptation, given.adaptation, "adaptation"),
        probe=settings.read(settings.SplitSize, given.probe, "splits.probe"),
    )
    draw(inputs, figures, Paths(**this.outputs))
