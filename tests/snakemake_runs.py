"""Runs Snakemake on a copy of the workflow, as a user would."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from multiprocessing import connection
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles", "resources")
PARTS += ("LICENSE", "CITATION.cff")
FIGURES = (
    "draw_protocol",
    "draw_clip_strips",
    "draw_training_curves",
    "draw_online_loss",
    "draw_paired_gain",
    "draw_forgetting_recovery",
    "draw_probe_curves",
    "draw_recovery",
    "draw_horizon",
    "draw_physics_probe",
    "draw_contrasts",
    "draw_titan_diagnostics",
    "draw_cms_levels",
    "draw_memory_geometry",
    "draw_error_maps",
    "draw_feature_maps",
    "draw_leakage",
)
TABLES = ("summarise_study", "join_memory", "decide_verdict")
COUNT = re.compile(r"^(\w+) +(\d+)$")

# Half of a plan is the import of Snakemake: this process has done it and forks for each.
_started = multiprocessing.get_context("forkserver")
_started.set_forkserver_preload(
    ["snakemake.cli", "snakemake.report.html_reporter", "smart_open", "yte"]
)
# A start looks at all processes before; two threads that read the end of one see it as status 255.
_turn = threading.Lock()


def checkout(folder: Path) -> Path:
    """Copy what a fresh clone holds of the workflow, without weights, results and caches."""
    ignored = shutil.ignore_patterns("__pycache__", "weights", "*.pyc")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            folder.mkdir(exist_ok=True, parents=True)
            shutil.copy(source, folder / part)
    return folder


def snakemake(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder`; standard error comes with the output, where it writes its plan."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def dry_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """What `snakemake --dry-run` does, by a fork."""
    return forked(folder, *arguments, "--dry-run")


def forked(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """What `snakemake` does where no job runs, in a fork of a process that has started it."""
    line = [*map(str, arguments)]
    with tempfile.NamedTemporaryFile("r") as output:
        given = (line, str(folder), dict(os.environ), output.name)
        process = _started.Process(target=_main_of_snakemake, args=given)
        with _turn:
            process.start()
        connection.wait([process.sentinel])
        with _turn:
            process.join()
        return subprocess.CompletedProcess(line, process.exitcode, output.read())


def _main_of_snakemake(line: list[str], folder: str, environment: dict, output: str) -> None:
    from snakemake.cli import main

    # It ends before collecting pays.
    gc.disable()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    written = os.open(output, os.O_WRONLY)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.argv = ["snakemake", *line]
    main(line)


def plan(folder: Path, *arguments: str) -> dict[str, int]:
    """The jobs of a dry run by rule, without targets; empty if there is nothing to do."""
    done = dry_run(folder, *arguments)
    assert done.returncode == 0, done.stdout
    if "Nothing to be done" in done.stdout:
        return {}
    table = done.stdout.split("Job stats:")[-1].split("\ntotal ")[0]
    counts = dict(m.groups() for m in map(COUNT.match, table.splitlines()) if m)
    return {rule: int(count) for rule, count in counts.items() if "_" in rule}


def overlay(folder: Path, text: str) -> tuple[str, str]:
    """Write an overlay and return the arguments that use it."""
    path = folder / "overlay.yaml"
    path.write_text(text)
    return "--configfile", str(path)


def merged(base: dict, overlay: dict) -> dict:
    """Overlay merged over base, section by section, as Snakemake does."""
    result = dict(base)
    for name, value in overlay.items():
        both = isinstance(value, dict) and isinstance(base.get(name), dict)
        result[name] = merged(base[name], value) if both else value
    return result


def read_config(*names: str) -> dict:
    """The configuration of the default study, with overlays of config/ over it."""
    config: dict = {}
    for name in ("config", *names):
        config = merged(config, yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()))
    return config


def running(config: dict, stream: str = "main") -> dict:
    """The methods that run a stream: its contestants and their twins."""
    adaptation = config["adaptation"]
    methods = adaptation["methods"]
    names = adaptation["streams"][stream]["contestants"] or adaptation["contestants"]
    twins = [methods[name]["twin"] for name in names]
    return {name: methods[name] for name in methods if name in {*names, *twins}}


def stream_jobs(config: dict, *models: str) -> int:
    """How many jobs replay streams, of all methods or of those with some predictors."""
    chosen = [
        method
        for stream in config["adaptation"]["runs"]
        for method in running(config, stream).values()
        if not models or method["model"] in models
    ]
    return len(chosen) * len(config["seeds"])


def learning(config: dict) -> dict:
    """The methods of the main stream that learn on it, without those of variants."""
    methods = running(config).items()
    return {n: m for n, m in methods if m["twin"] != n and m["model"] not in config["variants"]}


def clip_parts(config: dict) -> set[tuple[str, str]]:
    """Every (split, domain) that is simulated: all of A and B, of a severity what is shown."""
    parts = {(split, domain) for split in config["splits"] for domain in "AB"}
    parts |= {("probe", domain) for domain in config["dataset"]["severities"]}
    return parts | {(s, d) for s, d in feature_parts(config) if d not in "AB"}


def feature_parts(config: dict, tuning: bool = False) -> set[tuple[str, str]]:
    """Every (split, domain) that is encoded for the streams, probes and trainings of a study."""
    adaptation = config["adaptation"]
    parts = {("probe", "A"), ("probe", "B")}
    for name in adaptation["runs"]:
        domains = adaptation["streams"][name]["domains"]
        parts |= {(f"stream_{i}", domain) for i, domain in enumerate(domains, start=1)}
        parts |= {("probe", domain) for domain in domains}
    for domain in {d for one in trainings(config).values() for d in one["domains"]}:
        parts |= {("train", domain), ("validation", domain)}
    # The decoder of the object's centre is fitted on A.
    parts |= {("train", "A"), ("validation", "A")}
    if tuning or adaptation["rates"] == "tuned":
        parts |= {("tuning_1", "A"), ("tuning_2", "B"), ("tuning_3", "A")}
    return parts


def trainings(config: dict) -> dict:
    """How every predictor that the main stream runs is trained."""
    models = {m["model"] for m in running(config).values()} - {"mean_map", "linear_extrapolation"}
    changes = {name: variant["training"] for name, variant in config["variants"].items()}
    return {name: config["training"] | changes.get(name, {}) for name in models}


def shard_count(config: dict, parts: set[tuple[str, str]] | None = None) -> int:
    """How many shards some (split, domain) of a study have, or all that are simulated."""
    size = config["store"]["clips_per_shard"]
    chosen = clip_parts(config) if parts is None else parts
    counts = [config["splits"][s]["a" if d == "A" else "b"] for s, d in chosen]
    return sum(-(-count // size) for count in counts)


def leakage_jobs(config: dict) -> dict[str, int]:
    """The jobs that encode the leakage study in every mode and probe it."""
    modes = len(config["leakage"]["modes"])
    count = shard_count(config, {("leakage", "A"), ("leakage", "B")})
    return {"encode_leakage": modes * count, "measure_leakage": 1} if modes else {}


def rule_texts() -> dict[str, str]:
    """The text of every rule that runs a script, by name."""
    found = {}
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for part in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            name, text = part.split(":", 1)
            if "script:" in text:
                found[name] = text
    return found
