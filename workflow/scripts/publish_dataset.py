"""Publish the clips of the study as a data set."""

import sys
from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.dataset.publish import Publication, publish
from hopeworld.files import read_json
from hopeworld.simulation.table import Shard

with runlog.written_to(snakemake.log[0]):
    given, read = snakemake.params, snakemake.input
    pairs = zip(read.tables, read.videos, strict=True)
    job = Publication(
        study=given.study,
        shards=tuple(Shard(Path(table), Path(folder)) for table, folder in pairs),
        validity=read_json(read.validity),
        sections=given.sections,
        figures=settings.read(settings.Figures, given.figures, "figures"),
        papers=given.papers,
        code=given.clips_code,
    )
    publish(job, Path(snakemake.output.folder), log=sys.stdout)
