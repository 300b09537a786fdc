"""The committed profiles: options that exist, rules that exist, and no rule forgotten."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml
from snakemake.cli import get_argument_parser
from tests.snakemake_runs import ROOT, plan, rule_texts
from tests.workflow.slurm.study import CHANGES, change_site

SLURM = ROOT / "profiles" / "slurm" / "config.yaml"
PROFILES = [SLURM, ROOT / "profiles" / "default" / "config.yaml"]
PROFILE = yaml.safe_load(SLURM.read_text())
TABLES = {"summarise_study", "join_memory", "decide_verdict", "compare_variants"}
RULE = re.compile(r"^(?:rule|use rule \w+ as) (\w+)", re.MULTILINE)


def rules() -> set[str]:
    files = (ROOT / "workflow" / "rules").glob("*.smk")
    return {name for file in files for name in RULE.findall(file.read_text())}


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_every_line_is_an_option_of_snakemake_or_of_the_plug_in(path):
    options = {o for action in get_argument_parser()._actions for o in action.option_strings}
    assert [key for key in yaml.safe_load(path.read_text()) if f"--{key}" not in options] == []
    commented = re.findall(
        r"^# (slurm-[\w-]+|software-[\w-]+|conda-[\w-]+):", path.read_text(), re.M
    )
    assert [key for key in commented if f"--{key}" not in options] == []


def test_every_rule_of_the_profile_exists():
    arrays = PROFILE["slurm-array-jobs"].split(",")
    named = {*PROFILE["set-resources"], *PROFILE["groups"], *arrays}
    assert named - rules() == set()


def test_figures_and_tables_are_groups():
    drawing = {name: "figures" for name in rules() if name.startswith("draw_")}
    assert PROFILE["groups"] == drawing | dict.fromkeys(TABLES, "tables")


def test_another_cluster_changes_lines_of_the_site_alone(tmp_path):
    change_site(shutil.copy(SLURM, tmp_path / "config.yaml"))
    here = (tmp_path / "config.yaml").read_text().splitlines()
    pairs = zip(SLURM.read_text().splitlines(), here, strict=True)
    changed = [old for old, new in pairs if old != new]
    assert len(changed) == len(CHANGES)
    assert all("SITE" in line for line in changed)


def test_the_manual_has_a_row_for_every_line_of_the_site():
    lines = [line for line in SLURM.read_text().splitlines() if "# SITE" in line]
    keys = {re.match(r"[ #-]*([\w-]+)[:=]", line).group(1) for line in lines}
    manual = (ROOT / "profiles" / "README.md").read_text()
    assert sorted(key for key in keys if f"`{key}`" not in manual) == []


def test_the_jobs_with_a_gpu_and_no_others_go_to_its_partition():
    asking = {name for name, text in rule_texts().items() if "gpu=GPU" in text}
    moved = {n for n, asked in PROFILE["set-resources"].items() if "slurm_partition" in asked}
    assert moved == asking | {"encode_leakage"}


@pytest.mark.parametrize("name", sorted(set(PROFILE["set-resources"]) & set(rule_texts())))
def test_the_thesis_asks_for_no_less_than_the_rule_itself(name):
    own = re.findall(r"(mem_mb|runtime)=(\d+)", rule_texts()[name])
    asked = PROFILE["set-resources"][name]
    asked = {key: int(str(asked[key]).split()[0]) for key in ("mem_mb", "runtime") if key in asked}
    assert asked
    assert [key for key, value in own if asked.get(key, int(value)) < int(value)] == []


@pytest.mark.slow
def test_the_profile_plans_a_study_where_there_is_no_cluster(tmp_path):
    overlay = ["--configfile", str(ROOT / "config" / "smoke.yaml")]
    profile = ["--workflow-profile", str(SLURM.parent), "--directory", str(tmp_path)]
    assert plan(ROOT, *overlay, *profile)["train_predictor"] == 2
