"""What the Snakemake workflow catalog asks of a workflow of standardized usage.

By its guide (adding_workflows.md) and by what its code reads. That both entry points plan the same
jobs, and the linter, are in test_plan.py; snakefmt is part of `make lint`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.snakemake_runs import ROOT, checkout, dry_run, plan, rule_texts

USAGE = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
MODULE = """configfile: "config/config.yaml"

module hopeworld:
    snakefile: {snakefile}
    config: config

use rule * from hopeworld
"""


def tracked() -> list[Path]:
    """The files that a clone brings."""
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return [ROOT / os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def test_the_search_finds_the_repository_by_its_words():
    text = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in text
    assert "workflow" in text


@pytest.mark.parametrize(
    "name",
    ["workflow/Snakefile", "config/README.md", "config/config.yaml", "LICENSE"],
)
def test_a_file_is_where_the_catalog_looks(name):
    assert ROOT / name in tracked()


def test_rules_have_the_ending_that_the_catalog_knows():
    rules = [path for path in tracked() if path.parent == ROOT / "workflow" / "rules"]
    assert rules
    assert {path.suffix for path in rules} == {".smk"}


def test_a_clone_is_small_and_whole():
    present = [path for path in tracked() if path.exists()]
    assert sum(path.stat().st_size for path in present) < 30e6
    assert not (ROOT / ".gitattributes").exists()


def test_the_usage_has_the_keys_that_the_catalog_reads():
    assert set(USAGE) == {"mandatory-flags", "software-stack-deployment", "report"}
    flags = USAGE["mandatory-flags"]
    assert set(flags) == {"desc", "flags"}
    assert isinstance(flags["flags"], str)
    assert len(flags["desc"]) > 20
    stack = USAGE["software-stack-deployment"]
    assert set(stack) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert {type(value) for value in stack.values()} == {bool}


def test_the_usage_is_true():
    stack, rules = USAGE["software-stack-deployment"], rule_texts().values()
    sources = [*(ROOT / "workflow/rules").glob("*.smk"), ROOT / "Snakefile"]
    has_container = any(re.search(r"^\s*container\w*:", p.read_text(), re.M) for p in sources)
    assert stack["conda"] == all("    conda:" in text for text in rules)
    assert stack["apptainer"] == has_container
    assert stack["apptainer+conda"] == (stack["apptainer"] and stack["conda"])
    assert USAGE["report"] == stack["report"] == ("\nreport:" in (ROOT / "Snakefile").read_text())


def test_the_table_of_parameters_has_a_word_for_each():
    """The catalog makes it of the schema: every property with its type or choices, described."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())

    def bare(properties: dict) -> list[str]:
        own = [
            name
            for name, about in properties.items()
            if "description" not in about or not {"type", "enum"} & set(about)
        ]
        return own + [n for v in properties.values() for n in bare(v.get("properties", {}))]

    assert set(schema["required"]) == set(schema["properties"])
    assert bare(schema["properties"]) == []


def test_the_instructions_begin_with_one_title():
    lines = (ROOT / "config/README.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert sum(line.startswith("# ") for line in lines) == 1


@pytest.fixture
def project(tmp_path):
    """A folder that uses the workflow as a module, as snakedeploy sets one up; and a clone."""
    clone = checkout(tmp_path / "clone")
    shutil.copytree(clone / "config", tmp_path / "project/config")
    (tmp_path / "project/workflow").mkdir()
    return tmp_path / "project", clone


def use(project: Path, snakefile: str) -> None:
    (project / "workflow/Snakefile").write_text(MODULE.format(snakefile=snakefile))


def test_a_module_of_a_clone_plans_the_same_jobs(project):
    folder, clone = project
    use(folder, repr(str(clone / "workflow/Snakefile")))
    assert plan(folder, "--workflow-profile", "none") == plan(clone)


def test_a_module_of_a_url_says_what_to_do(project):
    folder, clone = project
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(clone)]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    use(folder, f"gitfile({str(clone)!r}, path='workflow/Snakefile', ref='HEAD')")
    done = dry_run(folder)
    assert done.returncode == 1
    assert re.search(r"^error: .*clone the repository", done.stdout, re.MULTILINE)
    assert "Error in" not in done.stdout
