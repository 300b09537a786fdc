"""Edit → jobs: what a change reruns, and what it leaves alone; the data is tests/rerun_edits.py.

Every output of the default study is there as an empty file that Snakemake holds to be up to date.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.rerun_edits import (
    CODE,
    ENVIRONMENTS,
    FILES,
    FIRST_SHARD,
    IDLE_FILES,
    IDLE_SETTINGS,
    PAGE,
    SETTINGS,
    Edit,
    with_tables,
)
from tests.rerun_jobs import EVERYTHING, MEASURED, SEEDS
from tests.snakemake_runs import checkout, plan, snakemake

EDITS = [*SETTINGS, *CODE, *FILES]
IDLE = [*IDLE_SETTINGS, *IDLE_FILES]
VARIANT = """
variants: {static: {of: hope, model: {adaptive: []}, training: {steps: 1200}}}
adaptation:
  contestants: [vit_tta, vit_force_scale, hope, static]
  methods:
    frozen: &one
      {model: static, adapt: none, learning_rate: 0.0, reset: per_clip, look_back_rate: 0.0,
      twin: frozen}
    static: {<<: *one, reset: never, look_back_rate: 1.0}
"""
WITH_VARIANT = Edit(
    "a variant that runs",
    MEASURED
    | {"train_predictor": len(SEEDS), "adapt_stream": 2 * len(SEEDS)}
    | {"compare_variants": 1, "draw_variants": 1},
    settings=VARIANT,
)
READ = {"metrics": "{}", "verdict": "{}", "cautions": '{"cautions": []}'}
# What Snakemake asks of conda before it plans.
CONDA = """#!/bin/sh
case "$*" in
  *--version*) echo "conda 25.1.0" ;;
  *channel_priority*) echo '{"get": {"channel_priority": "strict"}, "success": true}' ;;
  *info*) echo '{"conda_prefix": "/conda", "platform": "linux-64", "envs": []}' ;;
  *) exit 1 ;;
esac
"""


def finished(clone: Path, *arguments: str, path: str | None = None) -> None:
    """Have Snakemake take all files of the clone for up to date."""
    environment = os.environ | ({"PATH": path} if path else {})
    touch = ("--touch", "--forceall", "--cores", "1", *arguments)
    touched = snakemake(clone, *touch, environment=environment)
    assert touched.returncode == 0, touched.stdout


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """A clone in which the default study is done."""
    clone = checkout(tmp_path_factory.mktemp("done") / "clone")
    summary = snakemake(clone, "--summary").stdout.splitlines()
    for name in (line.split("\t")[0] for line in summary if line.startswith("results/")):
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir()
    # These are read for captions and warnings as soon as they are there.
    for name, text in READ.items():
        (clone / f"results/default/{name}.json").write_text(text)
    # As large as one is: more than Snakemake compares by content unless the profile says so.
    os.truncate(clone / FIRST_SHARD, 64_000_000)
    finished(clone)
    return clone


def planned(done: Path, folder: Path, *edits: Edit, arguments: tuple[str, ...] = ()) -> dict:
    """The jobs after some edits of a copy of the finished study."""
    clone = folder / "clone"
    # Holes stay holes, also that of the large shard.
    subprocess.run(["cp", "--archive", done, clone], check=True)
    overlays = []
    for number, edit in enumerate(edits):
        if edit.change:
            edit.change(clone)
        if edit.settings:
            overlays.append(folder / f"{number}.yaml")
            overlays[-1].write_text(edit.settings)
    files = ("--configfile", *map(str, overlays)) if overlays else ()
    jobs = plan(clone, *files, *arguments)
    shutil.rmtree(clone)
    return jobs


@pytest.fixture(scope="module")
def plans(done, tmp_path_factory) -> dict:
    """The jobs after every edit that reruns any, by its words; two dry runs at a time."""
    edits = [*EDITS, WITH_VARIANT]
    folders = [tmp_path_factory.mktemp("edit") for _ in edits]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda edit, folder: planned(done, folder, edit), edits, folders)
        return {edit.words: jobs for edit, jobs in zip(edits, found, strict=True)}


@pytest.mark.parametrize("edit", [*EDITS, WITH_VARIANT], ids=lambda edit: edit.words)
def test_an_edit_reruns_what_depends_on_it(plans, edit):
    assert plans[edit.words] == edit.jobs


def test_an_edit_that_changes_no_result_reruns_nothing(done, tmp_path_factory):
    """All at once; where that reruns something, each alone, to say which."""
    if planned(done, tmp_path_factory.mktemp("idle"), *IDLE):
        found = {e.words: planned(done, tmp_path_factory.mktemp("idle"), e) for e in IDLE}
        assert not {words: jobs for words, jobs in found.items() if jobs}
        pytest.fail("each edit alone reruns nothing, all together rerun something")


def test_a_study_of_another_name_runs_everything(done, tmp_path):
    assert planned(done, tmp_path, Edit("", {}, settings="study: other")) == EVERYTHING


def test_with_conda_an_environment_reruns_its_rules_and_no_others(done, tmp_path, monkeypatch):
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(CONDA)
    conda.chmod(0o755)
    monkeypatch.setenv("PATH", f"{conda.parent}:{os.environ['PATH']}")
    prefix = ("--use-conda", "--conda-prefix", str(tmp_path / "prefix"))
    clone = shutil.copytree(done, tmp_path / "clone")
    finished(clone, *prefix)
    assert plan(clone, *prefix) == {}
    for edit in ENVIRONMENTS:
        folder = tmp_path / edit.words.split("/")[-1].strip("`")
        folder.mkdir()
        assert planned(clone, folder, edit, arguments=prefix) == edit.jobs


def test_the_document_says_what_is_tested():
    assert PAGE.read_text() == with_tables(PAGE.read_text()), (
        "docs/reruns.md is out of date: python -m tests.rerun_edits"
    )
