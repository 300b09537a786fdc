"""The commands of docs/environments.md, which the tests run as they stand there."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.snakemake_runs import ROOT


def command_of(start: str) -> str:
    """The one command of the document that starts so."""
    lines = (ROOT / "docs" / "environments.md").read_text().splitlines()
    (command,) = (line.strip() for line in lines if line.strip().startswith(start))
    return command


def run_command_of(start: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run that command in `folder`, as a shell reads it. Raises where it fails."""
    subprocess.run(command_of(start), shell=True, cwd=folder, env=environment, check=True)
