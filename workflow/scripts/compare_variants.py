"""Compare the variants of an ablation with what they vary."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.evaluation.ablation import AblationJob, write
from hopeworld.files import read_json

with runlog.written_to(snakemake.log[0]):
    given, made = snakemake.params, snakemake.output
    methods = {n: settings.read(settings.Method, m, n) for n, m in given.methods.items()}
    variants = {n: settings.read(settings.Variant, v, n) for n, v in given.variants.items()}
    job = AblationJob(
        seeds=tuple(given.seeds),
        models=settings.read(settings.Models, given.models, "models"),
        training=settings.read(settings.Training, given.training, "training"),
        variants=variants,
        methods=methods,
    )
    write(job, read_json(snakemake.input.metrics), Path(made.csv), Path(made.tex))
