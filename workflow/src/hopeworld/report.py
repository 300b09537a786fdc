"""Write Snakemake's report of a study that is done. Standard library only.

Snakemake parses the workflow once more for it, now that the metrics are there for the captions.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TARGETS = ("evaluation", "figures", "dataset")


class ReportError(ValueError):
    """A report that Snakemake could not write."""


def write_report(snakefile: Path, settings: Path, output: Path) -> None:
    """Write the HTML report of a finished study: what `TARGETS` made of it.

    `settings` is the file of the study's whole configuration. Raises `ReportError` where Snakemake
    fails; its reasons are then on standard error.
    """
    # The targets come first: options that take lists would swallow them.
    command = [sys.executable, "-m", "snakemake", *TARGETS, "--snakefile", str(snakefile)]
    command += ["--workflow-profile", "none", "--nolock", "--report", str(output)]
    done = subprocess.run([*command, "--configfile", str(settings)], check=False)
    if done.returncode:
        raise ReportError(
            f"{output}: Snakemake could not write the report (status {done.returncode}); "
            "read the reason above, then run the same command again"
        )
