"""Draw the levels of the continuum memory over the stream."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.cms_levels import Inputs, draw
from hopeworld.figures.style import Paths

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        memory=Path(read.memory),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
