"""Join the tables of all runs; write tables, metrics and gates."""

import dataclasses
from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.evaluation.summary import Outputs, Sources, SummaryJob, summarise

with runlog.written_to(snakemake.log[0]):
    given = {field.name: snakemake.params[field.name] for field in dataclasses.fields(SummaryJob)}
    job = settings.read(SummaryJob, given, "summary")
    names = [field.name for field in dataclasses.fields(Sources)]
    sources = Sources(**{name: tuple(map(Path, snakemake.input[name])) for name in names})
    summarise(job, sources, Outputs(**{n: Path(p) for n, p in snakemake.output.items()}))
