"""Write the report of the finished study."""

from pathlib import Path

from hopeworld import cautions, jobs
from hopeworld.files import write_json
from hopeworld.report import write_report

with jobs.running(snakemake) as this:
    made, root = this.outputs, Path(snakemake.scriptdir).resolve().parents[1]
    settings = {name: value for name, value in snakemake.config.items() if name != "report"}
    write_json(made["settings"], settings)
    found = cautions.collected(made["html"].parent)
    write_json(made["warnings"], [str(one) for one in found])
    write_report(root / "Snakefile", made["settings"], made["html"])
