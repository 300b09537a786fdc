"""Draw where the predictions of one clip err."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.figures.error_maps import Inputs, draw
from hopeworld.figures.style import Paths

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        examples={m: Path(p) for m, p in zip(given.methods, read.examples, strict=True)},
        table=Path(read.table),
        videos=Path(read.videos),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**this.outputs))
