"""Runs Snakemake on a copy of the workflow, as a user would."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles", "resources")
FIGURES = (
    "draw_protocol",
    "draw_clip_strips",
    "draw_training_curves",
    "draw_online_loss",
    "draw_paired_gain",
    "draw_forgetting_recovery",
    "draw_titan_diagnostics",
)
USED = [("train", "a"), ("validation", "a"), ("stream_1", "a"), ("stream_2", "b")]
USED += [("stream_3", "a"), ("probe", "a"), ("probe", "b")]
COUNT = re.compile(r"^(\w+) +(\d+)$")


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


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder`; standard error comes with the output, where it writes its plan."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def plan(folder: Path, *arguments: str) -> dict[str, int]:
    """The jobs of a dry run by rule, without targets; empty if there is nothing to do."""
    done = snakemake(folder, *arguments, "--dry-run")
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


def running(config: dict) -> dict:
    """The methods that a study runs: its contestants and their twins."""
    methods, names = config["adaptation"]["methods"], config["adaptation"]["contestants"]
    twins = [methods[name]["twin"] for name in names]
    return {name: methods[name] for name in methods if name in {*names, *twins}}


def shard_count(config: dict, parts: list[tuple[str, str]] | None = None) -> int:
    """How many shards some (split, domain) of a study have, or all of them."""
    every = [(split, domain) for split in config["splits"] for domain in "ab"]
    size = config["store"]["clips_per_shard"]
    return sum(-(-config["splits"][s][d] // size) for s, d in parts or every)


def rule_texts() -> dict[str, str]:
    """The text of every rule that runs a script, by name."""
    found = {}
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for part in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            name, text = part.split(":", 1)
            if "script:" in text:
                found[name] = text
    return found
