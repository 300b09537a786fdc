"""Pin files: the documented command writes them, and Snakemake installs from them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.snakemake_runs import ROOT, snakemake
from tests.workflow.conda.documents import command_of

pytestmark = [pytest.mark.conda, pytest.mark.slow, pytest.mark.timeout(900)]

SNAKEFILE = """
rule one:
    output: "prefix.txt"
    conda: "envs/evaluation.yaml"
    shell: "python -c 'import pandas, sys; print(sys.prefix)' > {output}"
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory) -> Path:
    """A virtual environment with snakedeploy, by the documented command."""
    folder = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = command_of("pip install snakedeploy").split()
    done = subprocess.run(
        [folder / "bin/python", "-m", *install, "--quiet", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"pip could not install snakedeploy: {done.stderr[-300:]}")
    return folder / "bin"


def test_pins_are_written_and_installed(conda, tools, tmp_path):
    (tmp_path / "envs").mkdir()
    shutil.copy(ROOT / "envs" / "evaluation.yaml", tmp_path / "envs")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = command_of("snakedeploy pin-conda-envs")
    environment = conda.environment
    environment["PATH"] = f"{tools}:{environment['PATH']}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0
    pins = (tmp_path / "envs" / "evaluation.linux-64.pin.txt").read_text().split()
    assert pins[0] == "@EXPLICIT"
    done = snakemake(tmp_path, "--cores", "1", "--use-conda", environment=environment)
    assert done.returncode == 0, done.stdout
    assert "Using pinnings from" in done.stdout
    prefix = Path((tmp_path / "prefix.txt").read_text().strip())
    records = (json.loads(p.read_text()) for p in (prefix / "conda-meta").glob("*.json"))
    assert {r["url"].split("/")[-1] for r in records} == {
        pin.split("#")[0].split("/")[-1] for pin in pins[1:]
    }
