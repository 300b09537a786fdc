"""Write the manifest of the finished study."""

from pathlib import Path

from hopeworld import runlog
from hopeworld.manifest import write

with runlog.written_to(snakemake.log[0]):
    write(Path(snakemake.output.manifest).parent, [Path(path) for path in snakemake.input])
