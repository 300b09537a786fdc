"""Compare the rates of every method on the tuning stream."""

import pandas as pd

from hopeworld import runlog
from hopeworld.evaluation.tuning import best_rates, compare_rates
from hopeworld.files import atomic, write_json

with runlog.written_to(snakemake.log[0]):
    tables = iter(snakemake.input.streams)
    streams = {
        (method, rate): [pd.read_parquet(next(tables)) for _ in snakemake.params.seeds]
        for method, rates in snakemake.params.tuning.items()
        for rate in rates
    }
    compared = compare_rates(streams)
    print(compared.to_string(index=False))
    with atomic(snakemake.output.table) as part:
        compared.to_csv(part, index=False, lineterminator="\n")
    write_json(snakemake.output.rates, best_rates(compared))
