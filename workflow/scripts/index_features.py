"""Write the index of the feature shards of a study."""

from hopeworld import jobs
from hopeworld.features.index import index
from hopeworld.files import write_json

with jobs.running(snakemake) as this:
    path = this.outputs["index"]
    write_json(path, index(path.parents[1], snakemake.input))
