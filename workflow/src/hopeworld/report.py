"""Write Snakemake's report of a study that is done. Standard library only.

Snakemake parses the workflow once more for it, now that the metrics are there for the captions.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

from hopeworld.files import atomic

PR_SET_PDEATHSIG = 1
TARGETS = ("evaluation", "figures", "dataset")
STYLE = "workflow/report/style.css"


class ReportError(ValueError):
    """A report that Snakemake could not write."""


def write_report(snakefile: Path, settings: Path, output: Path) -> None:
    """Write the HTML report of a finished study: what `TARGETS` made of it.

    `settings` is the file of the study's whole configuration. Raises `ReportError` where Snakemake
    fails; its reasons are then on standard error.
    """
    # The targets come first: options that take lists would swallow them.
    command = [sys.executable, "-m", "snakemake", *TARGETS, "--snakefile", str(snakefile)]
    command += ["--workflow-profile", "none", "--nolock", "--configfile", str(settings)]
    command += ["--report-stylesheet", str(snakefile.parent / STYLE)]
    with atomic(output, "the report") as part:
        command += ["--report", str(part)]
        done = subprocess.run(command, check=False, preexec_fn=_end_with_parent)
        if done.returncode:
            raise ReportError(
                f"{output}: Snakemake could not write the report (status {done.returncode}); "
                "read the reason above, then run the same command again"
            )


def _end_with_parent() -> None:
    """Have Linux kill this process when the one that started it is killed."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
