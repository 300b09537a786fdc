"""Every product of the smoke study says where it comes from, and the study is the committed one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.reproduce.comparison import FOLDER, NUMBERS, compare
from tests.reproduce.contents import LEFT_OUT
from tests.snakemake_runs import snakemake
from tests.snapshots import flip

from hopeworld import manifest, records
from hopeworld.cli import main
from hopeworld.commands.record import READERS, carried_by

pytestmark = pytest.mark.slow

# Of the JSON, what has room for a record beside its data; the rest has readers that take every key.
JSON_WITH_RECORD = {"metrics.json", "verdict.json", "cautions.json"}
# Other data alone, and what a data set holds for its own readers.
CARRY_NONE = (".json", ".mp4", ".gif", ".csv", ".tex", ".html", ".md", ".yaml", ".cff", "")
# Sections of the settings that a rule is given as they are.
WHOLE_SECTIONS = {
    "simulate_clips": ("appearance", "camera"),
    "validate_clips": ("simulation",),
    "encode_clips": ("encoder",),
    "train_predictor": ("training",),
    "adapt_stream": ("orders",),
    "summarise_study": ("seeds", "orders"),
    "draw_online_loss": ("figures", "evaluation"),
}
# A formula has no seed: every seed of the study gets the same one.
SEEDLESS = {"fit_closed_form"}


@pytest.fixture(scope="module")
def known(smoke):
    return records.read_all(smoke.results)


def test_every_file_of_the_study_has_a_job(smoke, known):
    files = manifest.read(smoke.results)
    assert {entry["record"] for entry in files.values()} <= set(known)
    others = manifest.strangers(smoke.results, files)
    assert {name.split("/")[0] for name in others} == {"tuning", "features", "tables"}
    assert set(others) <= set(records.owners(known))


def test_every_file_is_as_its_job_left_it(smoke, capsys):
    assert main(["manifest", "verify", str(smoke.results)]) == 0
    assert "files, nothing wrong" in capsys.readouterr().out


def test_every_file_with_room_for_it_carries_its_record(smoke, known):
    for record in known.values():
        own = {name: value for name, value in record.items() if name != "outputs"}
        for name in record["outputs"]:
            path = smoke.results / name
            if name in JSON_WITH_RECORD or (has_room(path) and not name.startswith("dataset/")):
                assert carried_by(path) == own, name
            else:
                assert path.suffix in (*CARRY_NONE, ".h5", ".png", ".parquet"), name
    assert set(records.owners(known)) >= JSON_WITH_RECORD
    assert carried_by(smoke.results / "dataset/clips.parquet")["params"]["code"]


def has_room(path: Path) -> bool:
    """Whether every file of this kind carries its record."""
    return path.suffix in READERS and path.suffix != ".json"


def test_every_record_holds_code_versions_and_device(known):
    versions = records.versions()
    assert {"python", "torch", "numpy"} <= set(versions)
    for name, record in known.items():
        assert re.fullmatch(r"[0-9a-f]{64}", record["params"]["code"]), name
        assert record["versions"] == versions, name
        assert record["device"] == "cpu", name
        assert all(record["platform"][key] for key in ("system", "processor")), name


def test_every_record_of_a_job_with_a_seed_holds_it(known):
    seeded = {n: record for n, record in known.items() if "seed" in record["wildcards"]}
    rules = {record["rule"] for record in seeded.values()}
    assert {"train_predictor", "adapt_stream", "tune_method", "analyse_memory"} <= rules
    for name, record in seeded.items():
        if record["rule"] not in SEEDLESS:
            assert record["params"]["seed"] == int(record["wildcards"]["seed"]), name


def test_records_hold_the_settings_of_the_study(smoke, known):
    settings = json.loads((smoke.results / "settings.json").read_text())
    assert set(WHOLE_SECTIONS) <= {record["rule"] for record in known.values()}
    for name, record in known.items():
        for section in WHOLE_SECTIONS.get(record["rule"], ()):
            assert record["params"][section] == settings[section], (name, section)


def test_no_record_says_where_it_was_made(smoke, known):
    text = json.dumps(list(known.values()))
    assert str(smoke.folder) not in text
    assert str(smoke.clone) not in text


def test_a_changed_file_is_named_and_one_command_mends_it(run, capsys):
    figure = run.results / "figures" / "horizon.png"
    flip(figure, -20)
    assert main(["manifest", "verify", str(run.results)]) == 1
    assert "figures/horizon.png: has sha256" in capsys.readouterr().out
    (run.results / manifest.NAME).unlink()
    figure.touch()
    arguments = ("--rerun-triggers", "params", "--cores", "1", *run.arguments)
    failed = snakemake(run.clone, f"results/smoke/{manifest.NAME}", *arguments)
    assert failed.returncode == 1
    line = next(x for x in failed.stdout.splitlines() if x.startswith("error: "))
    record = "results/smoke/records/draw_horizon.json"
    assert "figures/horizon.png: not as its job left it (the first of 1 such files)" in line
    assert f"run `snakemake --force {record}`" in line
    done = snakemake(run.clone, record, "--force", *arguments)
    assert done.returncode == 0, done.stdout
    done = snakemake(run.clone, f"results/smoke/{manifest.NAME}", *arguments)
    assert done.returncode == 0, done.stdout
    assert main(["manifest", "verify", str(run.results)]) == 0


def test_the_study_is_the_committed_one(smoke):
    found = compare(smoke.results)
    assert found.differences == [], found.how


def test_elsewhere_the_numbers_are_compared(smoke, monkeypatch):
    monkeypatch.setattr("tests.reproduce.comparison.made_with", lambda _: {"system": "Other"})
    found = compare(smoke.results)
    assert "system is Other" in found.how
    assert found.differences == []


def test_what_the_code_is_called_is_in_no_digest(smoke, known):
    """So that an edit that changes no number changes no committed digest."""
    from tests.reproduce.contents import READERS as CONTENTS

    codes = {record["params"]["code"].encode() for record in known.values()}
    for name in (name for record in known.values() for name in record["outputs"]):
        if name not in LEFT_OUT and (smoke.results / name).suffix in CONTENTS:
            content = b"".join(CONTENTS[(smoke.results / name).suffix](smoke.results / name))
            assert not [code for code in codes if code in content], name


def test_what_is_committed_is_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.json")) < 2e5
    assert sum(path.stat().st_size for path in NUMBERS.rglob("*")) < 2e5
