"""Join the tables of all runs; write tables, metrics and gates."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.evaluation.summary import Outputs, Sources, SummaryJob, summarise

SOURCES = ("streams", "probes", "memories", "histories", "gates")

with runlog.written_to(snakemake.log[0]):
    given = snakemake.params
    methods = {n: settings.read(settings.Method, m, n) for n, m in given.methods.items()}
    job = SummaryJob(
        study=given.study,
        seeds=tuple(given.seeds),
        orders=tuple(given.orders),
        methods=methods,
        kinds=given.kinds,
        encoder=settings.read(settings.Encoder, given.encoder, "encoder"),
        evaluation=settings.read(settings.Evaluation, given.evaluation, "evaluation"),
        episode_clips=given.episode_clips,
    )
    sources = Sources(**{name: tuple(map(Path, snakemake.input[name])) for name in SOURCES})
    summarise(job, sources, Outputs(**{n: Path(p) for n, p in snakemake.output.items()}))
