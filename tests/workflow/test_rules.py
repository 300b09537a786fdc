"""Every rule says what readers and schedulers need, and has a short script of its name."""

from __future__ import annotations

import re

import pytest
from tests.snakemake_runs import ROOT, rule_texts

RULES = rule_texts()
FILES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
NEEDED = ("output", "log", "benchmark", "conda", "threads", "resources", "params", "message")
# Weights belong to no study, their manifest.json says what they are; the manifest joins records.
WITHOUT_RECORD = ("fetch_weights", "write_manifest")
RESOURCES = ("mem_mb", "runtime", "gpu", "disk_mb")


def test_rules_and_scripts_belong_together():
    assert set(RULES) == {script.stem for script in SCRIPTS}
    assert {name: f'"../scripts/{name}.py"' in text for name, text in RULES.items()} == (
        dict.fromkeys(RULES, True)
    )


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_complete(name):
    text = RULES[name]
    assert [word for word in NEEDED if f"    {word}:" not in text] == []
    assert "**DRAWING" in text or [word for word in RESOURCES if f"{word}=" not in text] == []


@pytest.mark.parametrize("name", RULES)
def test_outputs_and_inputs_have_names(name):
    for block in re.findall(
        r"^    (?:input|output):\n((?:        .*\n)+)", RULES[name], re.MULTILINE
    ):
        entries = [line for line in block.splitlines() if re.match(r" {8}[^ )#]", line)]
        assert all(re.match(r" {8}(\w+=|\*\*|rules\.|result\(|unpack\()", line) for line in entries)


@pytest.mark.parametrize("name", sorted(set(RULES) - {"fetch_weights"}))
def test_a_rule_depends_on_its_code_by_content(name):
    assert re.search(rf"code=.*code_of\(\"{name}\"", RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_nothing_about_the_machine_is_a_param(name):
    params = RULES[name].split("    params:")[1].split("    message:")[0]
    assert "compute" not in params
    assert "device" not in params


@pytest.mark.parametrize("name", sorted(set(RULES) - set(WITHOUT_RECORD)))
def test_a_rule_has_its_record_under_the_name_of_its_log(name):
    job = re.search(r'log_of\((".+?")\)', RULES[name]).group(1)
    drawn = f'**figure_files("{name.removeprefix("draw_")}")'
    assert f"record=record_of({job})" in RULES[name] or drawn in RULES[name]
    script = (ROOT / "workflow" / "scripts" / f"{name}.py").read_text()
    assert "\nwith jobs.running(snakemake" in script


def test_files_stay_small():
    sizes = {path.name: len(path.read_text().splitlines()) for path in (*FILES, *SCRIPTS)}
    assert {n: s for n, s in sizes.items() if s > (150 if n.endswith(".smk") else 31)} == {}
