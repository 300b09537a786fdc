"""Draw the error of the predicted centre over the horizon."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.physics_probe import Inputs, draw
from hopeworld.figures.style import Paths

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
