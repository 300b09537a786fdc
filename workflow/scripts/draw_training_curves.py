"""Draw the training curves."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.style import Paths
from hopeworld.figures.training_curves import Inputs, draw

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        history=Path(read.history),
        metrics=Path(read.metrics),
        gate_skill=given.gate_skill,
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
