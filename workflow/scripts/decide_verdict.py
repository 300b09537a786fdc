"""Decide which contestant wins, by the rule in the settings; write the contrasts beside it."""

from hopeworld import jobs, settings
from hopeworld.evaluation import contrasts, verdict
from hopeworld.files import read_json

with jobs.running(snakemake) as this:
    given, made = snakemake.params, this.outputs
    rule = settings.read(settings.Verdict, given.verdict, "verdict")
    methods = {n: settings.read(settings.Method, m, n) for n, m in given.methods.items()}
    metrics = read_json(snakemake.input.metrics)
    contrasts.write(metrics, rule, made["contrasts"])
    verdict.write(metrics, rule, methods, given.oracles, made["verdict"])
