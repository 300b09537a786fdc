"""Draw what the stream leaves in the memories."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.memory_geometry import Inputs, draw
from hopeworld.figures.style import Paths

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        geometry=Path(read.geometry),
        transplant=Path(read.transplant),
        separability=Path(read.separability),
        usefulness=Path(read.usefulness),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
