"""Compare the variants of an ablation with what they vary."""

from hopeworld import jobs, settings
from hopeworld.evaluation.ablation import AblationJob, write
from hopeworld.files import read_json

with jobs.running(snakemake) as this:
    given, made = snakemake.params, this.outputs
    methods = {n: settings.read(settings.Method, m, n) for n, m in given.methods.items()}
    variants = {n: settings.read(settings.Variant, v, n) for n, v in given.variants.items()}
    job = AblationJob(
        seeds=tuple(given.seeds),
        models=settings.read(settings.Models, given.models, "models"),
        training=settings.read(settings.Training, given.training, "training"),
        variants=variants,
        methods=methods,
    )
    write(job, read_json(snakemake.input.metrics), made["csv"], made["tex"])
