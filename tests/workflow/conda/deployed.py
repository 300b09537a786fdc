"""The environments that Snakemake made of envs/, and what ran in them."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.snakemake_runs import ROOT
from tests.workflow.conda.channel import Conda


@dataclass(frozen=True)
class Deployed:
    """The folder of the environments that Snakemake has made, and the conda it made them with."""

    conda: Conda
    folder: Path

    @property
    def arguments(self) -> list[str]:
        """What makes Snakemake use them."""
        return ["--use-conda", "--conda-prefix", str(self.folder)]

    def prefix(self, stage: str) -> Path:
        """The environment of a stage: Snakemake keeps the file that it is made of beside it."""
        text = _file(stage).read_text()
        (file,) = (path for path in self.folder.glob("*.yaml") if path.read_text() == text)
        return file.with_suffix("")

    def named(self, stage: str) -> set[str]:
        """The packages that the file of a stage names."""
        lines = yaml.safe_load(_file(stage).read_text())["dependencies"]
        return {line.split(" ")[0] for line in lines}


def _file(stage: str) -> Path:
    return ROOT / "envs" / f"{stage}.yaml"


def witnesses(folder: Path) -> dict[str, list[dict]]:
    """What the processes that ran rules' scripts said of themselves, by script."""
    found: dict[str, list[dict]] = {}
    for path in sorted(folder.glob("*.json")):
        said = json.loads(path.read_text())
        script = re.search(r"/scripts/tmp\w+\.(\w+)\.py$", said["command"][-1])
        if script:
            found.setdefault(script[1], []).append(said)
    return found


def run_isolated(prefix: Path, program: str) -> subprocess.CompletedProcess:
    """Run a program by the Python of an environment, which sees nothing else: `python -I`."""
    command = [prefix / "bin/python", "-I", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False)
