"""Write the report of the finished study."""

from pathlib import Path

from hopeworld import runlog
from hopeworld.files import write_json
from hopeworld.report import write_report

with runlog.written_to(snakemake.log[0]):
    made, root = snakemake.output, Path(snakemake.scriptdir).resolve().parents[1]
    settings = {name: value for name, value in snakemake.config.items() if name != "report"}
    write_json(made.settings, settings)
    write_report(root / "Snakefile", Path(made.settings), Path(made.html))
