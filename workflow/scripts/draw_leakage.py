"""Draw what each mode of the encoder tells of the future."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.leakage import Inputs, draw
from hopeworld.figures.style import Paths

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        leakage=Path(read.leakage),
        metrics=Path(read.metrics),
        confidence=given.confidence,
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
