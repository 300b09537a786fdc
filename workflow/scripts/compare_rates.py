"""Compare the rates of every method on the tuning stream."""

import pandas as pd

from hopeworld import jobs
from hopeworld.evaluation.tuning import Sweep, best_rates, compare_rates
from hopeworld.files import atomic, write_json

with jobs.running(snakemake) as this:
    given, read = snakemake.params, snakemake.input
    runs = [(m, rate) for m, rates in given.tuning.items() for rate in rates for _ in given.seeds]
    streams, probes = {}, {}
    for run, stream, probe in zip(runs, read.streams, read.probes, strict=True):
        streams.setdefault(run, []).append(pd.read_parquet(stream))
        probes.setdefault(run, []).append(pd.read_parquet(probe))
    compared = compare_rates({run: Sweep(streams[run], probes[run]) for run in streams})
    print(compared.to_string(index=False))
    with atomic(this.outputs["table"]) as part:
        compared.to_csv(part, index=False, lineterminator="\n")
    write_json(this.outputs["rates"], best_rates(compared))
