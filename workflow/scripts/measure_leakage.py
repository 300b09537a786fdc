"""Probe the latents before the push for what happens after it, in every mode of the encoder."""

from hopeworld import jobs
from hopeworld.probing.leakage import Scoring, measure
from hopeworld.probing.tables import write_csv

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    tables = {"A": read.a_tables, "B": read.b_tables}
    features = {mode: {d: read[f"{mode}_{d}"] for d in ("A", "B")} for mode in given.modes}
    found = measure(tables, features, Scoring(given.folds, given.confidence, given.draws))
    print(found.to_string(index=False))
    write_csv(found, this.outputs["leakage"])
