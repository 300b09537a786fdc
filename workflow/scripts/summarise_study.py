"""Join the tables of all runs; write tables, metrics and gates."""

import dataclasses
from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.evaluation.summary import Outputs, Sources, SummaryJob, summarise

with jobs.running(snakemake) as this:
    given = {field.name: snakemake.params[field.name] for field in dataclasses.fields(SummaryJob)}
    job = settings.read(SummaryJob, given, "summary")
    names = [field.name for field in dataclasses.fields(Sources)]
    sources = Sources(**{name: tuple(map(Path, snakemake.input[name])) for name in names})
    summarise(job, sources, Outputs(**this.outputs))
