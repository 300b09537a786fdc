"""Each stage's environment holds what its rules import, no more, in the versions of pip."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from tests.snakemake_runs import ROOT, rule_texts

from hopeworld.provenance import closure

RULES = rule_texts()
STAGES = ("simulation", "encoder", "predictor", "evaluation", "figures")
# Names of modules where they differ from those of packages; then of conda-forge's from PyPI's.
PACKAGES = {"yaml": "pyyaml", "PIL": "pillow"}
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
# What an imported package needs at run time for what we ask of it: parquet files.
IMPLIED = {"pandas": {"pyarrow"}}
TOOLS = {"snakemake", "snakemake-executor-plugin-slurm"}


def third_party(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Packages that a module imports: surely, and only where they are installed (`try`)."""
    guarded = {n for t in ast.walk(tree) if isinstance(t, ast.Try) for n in ast.walk(t)}
    sure, optional = set(), set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        found = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"hopeworld"}
        (optional if node in guarded else sure).update(PACKAGES.get(n, n) for n in found)
    return sure, optional


def stage_of(rule: str) -> str:
    return re.search(r"envs/(\w+)\.yaml", RULES[rule]).group(1)


def imports_of(stage: str) -> tuple[set[str], set[str]]:
    """Packages that the scripts of a stage import, directly or through the package."""
    sure, optional = set(), set()
    for rule in RULES:
        if stage_of(rule) != stage:
            continue
        script = ast.parse((ROOT / "workflow" / "scripts" / f"{rule}.py").read_text())
        trees = [script]
        for node in ast.walk(script):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("hopeworld"):
                base = [node.module] if node.module != "hopeworld" else []
                names = base or [f"hopeworld.{alias.name}" for alias in node.names]
                trees += [tree for name in names for tree in closure(name).values()]
        for tree in trees:
            one_sure, one_optional = third_party(tree)
            sure |= one_sure
            optional |= one_optional
    return sure | {p for name in sure for p in IMPLIED.get(name, ())}, optional


def environment(stage: str) -> dict[str, str]:
    """Package and version of every line of an environment file."""
    content = yaml.safe_load((ROOT / "envs" / f"{stage}.yaml").read_text())
    return dict(line.split(" ", 1) for line in content["dependencies"])


def requirements(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))


def specifiers(version: str) -> SpecifierSet:
    """A version of conda, such as `=3.16` or `>=3.0,<3.2`, in the words of pip."""
    return SpecifierSet(re.sub(r"^=([\d.]+)$", r"==\1.*", version))


@pytest.mark.parametrize("stage", STAGES)
def test_an_environment_holds_what_its_rules_import(stage):
    sure, optional = imports_of(stage)
    held = set(environment(stage)) - {"python"}
    assert {CONDA.get(name, name) for name in sure} - held == set()
    assert held - {CONDA.get(name, name) for name in sure | optional} == set()


def test_every_rule_has_an_environment_of_its_stage():
    assert {stage_of(rule) for rule in RULES} == {*STAGES, "driver"}
    assert [rule for rule in RULES if stage_of(rule) == "driver"] == ["write_report"]


def test_requirements_hold_the_packages_of_all_stages():
    needed = {p for stage in STAGES for part in imports_of(stage) for p in part}
    assert set(requirements("requirements.txt")) == needed | TOOLS | {"pyyaml"}


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_the_versions_of_pip_and_conda_agree(stage):
    pip = requirements("requirements.txt")
    names = {conda: name for name, conda in CONDA.items()}
    held = environment(stage)
    assert held.pop("python") == "=3.11"
    # conda-forge counts Bullet's own versions.
    held.pop("pybullet", None)
    wrong = {
        name: (version, pip[names.get(name, name)])
        for name, version in held.items()
        if Version(pip[names.get(name, name)]) not in specifiers(version)
    }
    assert wrong == {}


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_channels_are_free_ones(stage):
    channels = yaml.safe_load((ROOT / "envs" / f"{stage}.yaml").read_text())["channels"]
    assert channels[0] == "conda-forge"
    assert channels[-1] == "nodefaults"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_what_is_installed(name):
    installed = {n: importlib.metadata.version(n).split("+")[0] for n in requirements(name)}
    assert installed == requirements(name)
