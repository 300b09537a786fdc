"""The files of envs/, unchanged, as environments that Snakemake makes and runs its rules in, and
the pin files that the documented command writes of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.reproduce.comparison import digests
from tests.snakemake_runs import ROOT, checkout, plan, snakemake
from tests.stage_imports import STAGES, modules_of, stage_of, third_party
from tests.workflow.conda.deployed import Deployed, run_isolated, witnesses
from tests.workflow.conda.documents import command_of, run_command_of

pytestmark = [pytest.mark.conda, pytest.mark.slow, pytest.mark.timeout(3600)]

# One job of each environment by its script, and what it makes that is deleted beforehand. They make
# nothing for one another, but for the leakage study: encoding, probe, figure.
JOBS = {
    "simulate_clips": "clips/held_out_B/00000.h5",
    "encode_clips": "leakage/tubelet/B/00000.h5",
    "measure_leakage": "tables/leakage.csv",
    "draw_leakage": "figures/leakage.pdf",
    "adapt_stream": "adaptation/main/hope_seed0/stream.parquet",
    "compare_rates": "tables/tuning.csv",
    "write_report": "report.html",
}
SNAKEFILE = """
rule one:
    output: "prefix.txt"
    conda: "envs/evaluation.yaml"
    shell: "python -c 'import pandas, sys; print(sys.prefix)' > {output}"
"""


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_an_environment_alone_imports_what_its_rules_import(deployed, stage):
    """Snakemake lends its own packages to a job, so a run does not show what is missing."""
    ours = sorted(name for name in modules_of(stage) if name.startswith("hopeworld"))
    names = sorted(third_party(stage)[0]) + ours
    program = f"import importlib, sys; sys.path.append({str(ROOT / 'workflow/src')!r})\n"
    program += f"for name in {names!r}: importlib.import_module(name)\nprint(sys.prefix)"
    done = run_isolated(deployed.prefix(stage), program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(deployed.prefix(stage))


def test_the_packages_of_other_stages_are_not_there(deployed):
    done = run_isolated(deployed.prefix("evaluation"), "import torch")
    assert "No module named 'torch'" in done.stderr


def check_witnesses(deployed: Deployed, found: dict[str, list[dict]]) -> None:
    """Every script ran in the environment of its stage and took its packages from there."""
    for script, processes in found.items():
        stage = stage_of(script)
        prefix = str(deployed.prefix(stage))
        packages = third_party(stage)[0]
        for said in processes:
            assert said["prefix"] == prefix, script
            files = [file for name, file in said["files"].items() if name in packages]
            assert [file for file in files if not file.startswith(prefix)] == [], script


def test_jobs_run_in_their_environments_and_make_the_same(deployed, smoke, run, tmp_path):
    """Some jobs on a copy of the finished study; `mtime` alone, or all would run again.

    The same to the bit, but for the record in each file: an environment has fewer packages.
    """
    folder = tmp_path / "witnesses"
    folder.mkdir()
    targets = [f"results/smoke/{name}" for name in JOBS.values()]
    for target in targets:
        (run.folder / target).unlink()
    rules = [*JOBS, "encode_leakage"]
    done = snakemake(
        run.clone,
        *[*targets, "--cores", "2", "--rerun-triggers", "mtime", *run.arguments],
        *[*deployed.arguments, "--allowed-rules", *rules],
        environment=deployed.conda.environment | {"CONDASHIM_WITNESS": str(folder)},
    )
    assert done.returncode == 0, done.stdout[-6000:]
    found = witnesses(folder)
    assert {script: len(processes) for script, processes in found.items()} == dict.fromkeys(JOBS, 1)
    assert {stage_of(script) for script in found} == {*STAGES, "driver"}
    check_witnesses(deployed, found)
    assert digests(run.results) == digests(smoke.results)


@pytest.mark.skipif("HOPEWORLD_WHOLE_STUDY" not in os.environ, reason="minutes: make test-conda")
def test_the_whole_study_runs_in_its_environments(conda, smoke, scratch):
    """The command of the README in a fresh clone."""
    clone, folder = checkout(scratch / "whole"), scratch / "witnesses"
    folder.mkdir()
    command = ["all", "tuning", "--cores", "all", "--configfile", "config/smoke.yaml"]
    planned = plan(clone, *command)
    done = snakemake(
        clone,
        *[*command, "--use-conda"],
        environment=conda.environment | {"CONDASHIM_WITNESS": str(folder)},
    )
    assert done.returncode == 0, done.stdout[-6000:]
    found = witnesses(folder)
    assert set(found) == set(planned) - {"encode_leakage"}
    assert sum(map(len, found.values())) == sum(planned.values())
    check_witnesses(Deployed(conda, clone / ".snakemake" / "conda"), found)
    assert digests(clone / "results" / "smoke") == digests(smoke.results)


@pytest.mark.parametrize("stage", [*STAGES, "driver"])
def test_an_environment_holds_what_its_file_names(deployed, stage):
    """The solver has met every line, from the channels that the file names."""
    records = (deployed.prefix(stage) / "conda-meta").glob("*.json")
    found = {r["name"]: r for r in (json.loads(path.read_text()) for path in records)}
    channels = {record["url"].split("/")[-3] for record in found.values()}
    assert channels == ({"conda-forge", "bioconda"} if stage == "driver" else {"conda-forge"})
    assert deployed.named(stage) - found.keys() == set()


@pytest.fixture(scope="module")
def tools(tmp_path_factory) -> Path:
    """A virtual environment with snakedeploy, by the documented command."""
    folder = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip, *install = command_of("pip install snakedeploy").split()
    command = [sys.executable, "-m", pip, "--python", folder / "bin/python", *install]
    done = subprocess.run(
        [*command, "--quiet", "--no-compile", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"pip could not install snakedeploy: {done.stderr[-300:]}")
    return folder / "bin"


@pytest.mark.timeout(900)
def test_pins_are_written_and_installed(conda, tools, tmp_path):
    (tmp_path / "envs").mkdir()
    shutil.copy(ROOT / "envs" / "evaluation.yaml", tmp_path / "envs")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    environment = conda.environment
    environment["PATH"] = f"{tools}:{environment['PATH']}"
    run_command_of("snakedeploy pin-conda-envs", tmp_path, environment)
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
