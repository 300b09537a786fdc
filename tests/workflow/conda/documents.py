"""The commands of docs/environments.md, which the tests run as they stand there."""

from __future__ import annotations

from tests.snakemake_runs import ROOT


def command_of(start: str) -> str:
    """The one command of the document that starts so."""
    lines = (ROOT / "docs" / "environments.md").read_text().splitlines()
    (command,) = (line.strip() for line in lines if line.strip().startswith(start))
    return command
