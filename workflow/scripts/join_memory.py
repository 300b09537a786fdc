"""Join the analyses of all runs."""

from pathlib import Path

import pandas as pd

from hopeworld import runlog
from hopeworld.probing.tables import join, usefulness, write_csv

with runlog.written_to(snakemake.log[0]):
    read, made = snakemake.input, snakemake.output
    for name in ("transplant", "memory_geometry", "separability"):
        write_csv(join(map(Path, read[name])), Path(made[name]))
    useful = usefulness(pd.read_parquet(read.memory), snakemake.params.stream)
    write_csv(useful, Path(made.usefulness))
