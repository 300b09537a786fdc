"""The CPU build that a solver takes on a host without a GPU, and how to be sure of the other."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.snakemake_runs import ROOT
from tests.workflow.conda.channel import Conda, install_stand_in
from tests.workflow.conda.documents import run_command_of
from tests.workflow.conda.packages import Package, index, write_channel

pytestmark = pytest.mark.conda

STAGES = ("encoder", "predictor")


def stub(name: str, version: str, build: str = "0", number: int = 0, *needs: str) -> Package:
    """A package without files."""
    return Package(index(name, version, build, needs, "generic") | {"build_number": number})


@pytest.fixture(scope="module")
def stubs(tmp_path_factory) -> Conda:
    """A channel of empty packages, with the builds of PyTorch that conda-forge has."""
    found = [
        stub("pytorch", "2.13.0", "cpu_0"),
        stub("pytorch", "2.13.0", "cuda129_0", 300, "__cuda"),
        stub("pytorch-gpu", "2.13.0", "cuda129_0", 300, "pytorch 2.13.0 cuda129_0"),
    ]
    for stage in STAGES:
        lines = yaml.safe_load((ROOT / "envs" / f"{stage}.yaml").read_text())["dependencies"]
        bounds = dict(line.split(" ", 1) for line in lines)
        found += [stub(n, b.strip("=>").split(",")[0]) for n, b in bounds.items() if n != "pytorch"]
    folder = tmp_path_factory.mktemp("stubs")
    write_channel(folder / "channels" / "conda-forge", found)
    return install_stand_in(folder / "root", folder / "channels")


def build_of(conda: Conda, file: Path, cuda: str) -> str | None:
    """The build of PyTorch that is installed from a file; None where there is no solution.

    `cuda` is what CONDA_OVERRIDE_CUDA says of the driver: a version, or '' for no GPU.
    """
    prefix = file.parent / f"env-{file.stem}-{cuda}"
    done = subprocess.run(
        ["conda", "env", "create", "--file", file, "--prefix", prefix],
        env=conda.environment | {"CONDA_OVERRIDE_CUDA": cuda},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        assert "__cuda" in done.stderr
        return None
    (record,) = (prefix / "conda-meta").glob("pytorch-2*.json")
    return json.loads(record.read_text())["build"]


@pytest.mark.parametrize("stage", STAGES)
def test_without_a_gpu_the_cpu_build_is_taken_silently(stubs, tmp_path, stage):
    file = Path(shutil.copy(ROOT / "envs" / f"{stage}.yaml", tmp_path))
    assert build_of(stubs, file, "") == "cpu_0"
    assert build_of(stubs, file, "12.9") == "cuda129_0"


@pytest.mark.parametrize("stage", STAGES)
def test_the_documented_variant_has_cuda_or_fails(stubs, tmp_path, stage):
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    run_command_of("sed -i", tmp_path)
    file = tmp_path / "envs" / f"{stage}.yaml"
    assert "pytorch-gpu =2.13" in file.read_text()
    assert build_of(stubs, file, "") is None
    assert build_of(stubs, file, "12.9") == "cuda129_0"
