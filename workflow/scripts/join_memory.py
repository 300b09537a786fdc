"""Join the analyses of all runs."""

from pathlib import Path

import pandas as pd

from hopeworld import jobs
from hopeworld.probing.tables import join, usefulness, write_csv

with jobs.running(snakemake) as this:
    read, made = snakemake.input, this.outputs
    for name in ("transplant", "memory_geometry", "separability"):
        write_csv(join(map(Path, read[name])), made[name])
    useful = usefulness(pd.read_parquet(read.memory), snakemake.params.stream)
    write_csv(useful, made["usefulness"])
