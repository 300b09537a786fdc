"""Write the index of the feature shards of a study."""

from pathlib import Path

from hopeworld import runlog
from hopeworld.features.index import index
from hopeworld.files import write_json

with runlog.written_to(snakemake.log[0]):
    path = Path(snakemake.output.index)
    write_json(path, index(path.parents[1], snakemake.input))
