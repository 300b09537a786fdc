"""Draw what each switch does."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.figures.style import Paths
from hopeworld.figures.variants import Inputs, draw

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    figures = settings.read(settings.Figures, given.figures, "figures")
    inputs = Inputs(
        ablation=Path(read.ablation),
        metrics=Path(read.metrics),
    )
    draw(inputs, figures, Paths(**{n: Path(p) for n, p in snakemake.output.items()}))
