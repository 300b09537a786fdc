"""A local channel, the stand-in for conda and the environments of envs/, for one file of tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.snakemake_runs import ROOT, checkout, snakemake
from tests.workflow.conda.channel import Conda, build_channels, install_stand_in
from tests.workflow.conda.deployed import Deployed

STUDY = ("--configfile", str(ROOT / "config/smoke.yaml"))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Iterator[Path]:
    """A folder for gigabytes, gone soon: pytest keeps those of three runs."""
    folder = tmp_path_factory.mktemp("conda")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def conda(scratch) -> Conda:
    """The stand-in, with channels of what requirements.txt pins."""
    build_channels(ROOT / "requirements.txt", scratch / "channels", scratch / "wheels")
    shutil.rmtree(scratch / "wheels")
    return install_stand_in(scratch / "root", scratch / "channels")


@pytest.fixture(scope="module")
def deployed(conda, scratch) -> Deployed:
    """Let Snakemake make all environments of the smoke study, from the files as they are."""
    found = Deployed(conda, scratch / "envs")
    clone = checkout(scratch / "clone")
    command = ["all", "tuning", "--cores", "2", *STUDY, "--conda-create-envs-only"]
    done = snakemake(clone, *command, *found.arguments, environment=conda.environment)
    assert done.returncode == 0, done.stdout[-4000:]
    return found
