"""Each stage's environment holds what its rules import, no more, in the versions of pip."""

from __future__ import annotations

import importlib.metadata
import re

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from tests.snakemake_runs import ROOT
from tests.stage_imports import RULES, STAGES, stage_of, third_party

# Names of modules where they differ from those of packages.
PACKAGES = {"yaml": "pyyaml", "PIL": "pillow"}
# Names of PyPI where conda-forge has others; its `matplotlib` would bring Qt.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
# What an imported package needs at run time for what we ask of it: parquet files.
IMPLIED = {"pandas": {"pyarrow"}}
# What the driver has: Snakemake, its plug-in, and what it needs to read our files and to report.
TOOLS = {"snakemake", "snakemake-executor-plugin-slurm", "pyyaml", "pygments"}

# Where the two lists differ in more than name: version of pip, of conda, and why.
DIFFERENCES = {
    "pybullet": (
        "3.2.7",
        "=3.25",
        "conda-forge counts the releases of the engine, and has 3.25; PyPI puts another point into "
        "the same numbers, and has 3.27 as 3.2.7",
    ),
}

# The newest that conda-forge's recipes were seen to have, where they are behind PyPI or may be:
# what a line of envs/ must admit beside the version of pip. August 2026.
CONDA_FORGE = {
    "av": "18.1.0",
    "crc32c": "2.7.1.post0",
    "decord": "0.6.0",
    "h5py": "3.16.0",
    "matplotlib-base": "3.11.0",
    "pandas": "3.0.3",
    "pybullet": "3.25",
    "pytorch": "2.13.0",
    "transformers": "5.15.1",
}


def packages_of(stage: str) -> tuple[set[str], set[str]]:
    """Packages, by PyPI's names, that a stage imports: surely, and where they are installed."""
    sure, optional = ({PACKAGES.get(n, n) for n in names} for names in third_party(stage))
    return sure | {p for name in sure for p in IMPLIED.get(name, ())}, optional


def conda_names(names: set[str]) -> set[str]:
    return {CONDA.get(name, name) for name in names}


def environment(stage: str) -> dict[str, str]:
    """Package and version of every line of an environment file."""
    content = yaml.safe_load((ROOT / "envs" / f"{stage}.yaml").read_text())
    return dict(line.split(" ", 1) for line in content["dependencies"])


def requirements(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))


def admits(bounds: str, version: str) -> bool:
    """Whether a version lies in the bounds of conda, such as `=3.16` or `>=3.0,<3.2`."""
    return Version(version) in SpecifierSet(re.sub(r"^=([\d.]+)$", r"==\1.*", bounds))


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_an_environment_holds_what_its_rules_import(stage):
    sure, optional = packages_of(stage)
    held = set(environment(stage)) - {"python"}
    tools = TOOLS if stage == "driver" else set()
    assert conda_names(sure) - held == set()
    assert held - conda_names(sure | optional) <= tools


def test_every_rule_has_an_environment_of_its_stage():
    found = {stage_of(rule) for rule in RULES}
    assert found == {*STAGES, "driver"}
    assert set(environment("driver")) == TOOLS | {"python"}


def test_requirements_hold_the_packages_of_all_stages():
    needed = {p for stage in STAGES for part in packages_of(stage) for p in part}
    assert set(requirements("requirements.txt")) == needed | TOOLS


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_the_versions_of_pip_and_conda_agree(stage):
    pip, names = requirements("requirements.txt"), {conda: pip for pip, conda in CONDA.items()}
    held = environment(stage)
    assert held.pop("python") == "=3.11"
    pairs = {name: (pip[names.get(name, name)], bounds) for name, bounds in held.items()}
    wrong = {n: p for n, p in pairs.items() if n not in DIFFERENCES and not admits(p[1], p[0])}
    assert wrong == {}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_as_it_is_explained(name):
    ours, theirs, _ = DIFFERENCES[name]
    assert requirements("requirements.txt")[name] == ours
    assert {environment(s)[name] for s in STAGES if name in environment(s)} == {theirs}
    assert not admits(theirs, ours)


@pytest.mark.parametrize("stage", STAGES)
def test_the_bounds_admit_what_conda_forge_has(stage):
    held = environment(stage)
    known = {name: CONDA_FORGE[name] for name in held if name in CONDA_FORGE}
    assert {n: v for n, v in known.items() if not admits(held[n], v)} == {}


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_channels_are_free_ones(stage):
    channels = yaml.safe_load((ROOT / "envs" / f"{stage}.yaml").read_text())["channels"]
    assert channels[0] == "conda-forge"
    assert channels[-1] == "nodefaults"


def test_pins_are_of_public_channels():
    """None of a local channel is committed."""
    pins = [line for p in ROOT.glob("envs/*.pin.txt") for line in p.read_text().splitlines()]
    addresses = [line for line in pins if "://" in line]
    assert [a for a in addresses if not re.match(r"https://.+/(conda-forge|bioconda)/", a)] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_what_is_installed(name):
    installed = {n: importlib.metadata.version(n).split("+")[0] for n in requirements(name)}
    assert installed == requirements(name)
