"""Draw the first clips back in A."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.recovery import Inputs, draw
from hopeworld.figures.style import Paths

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        stream=Path(read.stream),
        metrics=Path(read.metrics),
        evaluation=settings.read(settings.Evaluation, given.evaluation, "evaluation"),
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
