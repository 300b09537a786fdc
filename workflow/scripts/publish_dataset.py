"""Publish the clips of the study as a data set."""

import sys
from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.dataset.publish import Publication, publish
from hopeworld.files import read_json
from hopeworld.simulation.table import Shard

with jobs.running(snakemake) as this:
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
    publish(job, this.outputs["folder"], log=sys.stdout)
