"""Decide which contestant wins, by the rule in the settings; write the contrasts beside it."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.evaluation import contrasts, verdict
from hopeworld.files import read_json

with runlog.written_to(snakemake.log[0]):
    given, made = snakemake.params, snakemake.output
    rule = settings.read(settings.Verdict, given.verdict, "verdict")
    methods = {n: settings.read(settings.Method, m, n) for n, m in given.methods.items()}
    metrics = read_json(snakemake.input.metrics)
    contrasts.write(metrics, rule, Path(made.contrasts))
    verdict.write(metrics, rule, methods, given.oracles, Path(made.verdict))
