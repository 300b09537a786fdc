"""A record says the same however often a job runs, and is found again in what the job wrote."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from pathlib import Path

import pandas as pd
import pytest
import torch
from tests.recorded_jobs import (
    EVERYTHING,
    job,
    run_everything,
    snakemake_job,
    tiny_study,
    write_everything,
)

from hopeworld import jobs, records, trained
from hopeworld.cli import main
from hopeworld.commands.record import carried_by, record_of
from hopeworld.state_files import load_state


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_once() -> dict[str, Path]:
    return run_everything(text="(a\\b) \u00b5")


def test_every_kind_of_file_carries_the_record_wherever_it_goes(folder):
    made = run_once()
    kept = json.loads(Path("results/tiny/records/everything.json").read_text())
    assert set(kept.pop("outputs")) == set(EVERYTHING.values())
    for name in EVERYTHING.keys() - {"csv"}:
        copy = folder / f"copy{made[name].suffix}"
        shutil.copyfile(made[name], copy)
        assert carried_by(copy) == kept, name
    assert carried_by(made["csv"]) == {}
    assert record_of(made["csv"]) == kept


def test_readers_find_what_they_did(folder):
    made = run_once()
    predictor, about = trained.load_predictor(made["weights"])
    assert about.origin == {"weights": "x"}
    load_state(made["state"], predictor, 1)
    assert pd.read_parquet(made["table"])["y"].tolist() == [1, 2, 3]


def test_two_runs_write_the_same_bytes():
    digests = [{n: p.read_bytes() for n, p in run_once().items()} for _ in range(2)]
    assert digests[0] == digests[1]


def test_a_record_says_nothing_of_when_and_where(folder):
    run_once()
    text = Path("results/tiny/records/everything.json").read_text()
    for word in (str(folder), socket.gethostname(), str(os.getpid()), "/clone"):
        assert f'"{word}' not in text


def test_without_a_job_nothing_is_carried(folder):
    made = {name: folder / path for name, path in EVERYTHING.items()}
    write_everything(made)
    assert [name for name in EVERYTHING if carried_by(made[name])] == []
    assert records.carried() == {}


def test_a_failed_job_has_no_record():
    with pytest.raises(SystemExit), job("fails", [], {"table": "x.csv"}):
        raise ValueError("why")
    assert not Path("results/tiny/records").exists()
    assert records.carried() == {}


def test_inputs_of_other_places_are_named_without_them():
    given = snakemake_job("encode", ["/clone/resources/w.json", "/my/w.pt", "clips/a"], {})
    said = records.describe(given, Path("results/tiny"), Path("/clone"), "cpu")["inputs"]
    assert said == ["clips/a", "elsewhere:resources/w.json", "elsewhere:w.pt"]


def test_a_document_among_the_params_becomes_its_sha256():
    given = snakemake_job("publish", [], {}, papers={"LICENSE": 1001 * "a"}, sizes=(1, 2))
    said = records.describe(given, Path("results/tiny"), Path("/clone"), "cpu")["params"]
    assert said["papers"]["LICENSE"].startswith("sha256 ")
    assert said["sizes"] == [1, 2]


def test_a_gpu_is_named_by_its_model(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU of {device}")
    given = snakemake_job("train", [], {})
    with jobs.running(given, lambda _: contextlib.nullcontext("cuda:1")) as this:
        assert this.device == "cuda:1"
    assert records.read(Path("results/tiny/records/train.json"))["device"] == "GPU of cuda:1"


def test_the_command_prints_a_record_or_one_line(folder, capsys):
    study = tiny_study()
    assert main(["record", str(study / "clips/a/0.mp4")]) == 0
    assert json.loads(capsys.readouterr().out)["rule"] == "simulate"
    (folder / "other.csv").touch()
    assert main(["record", str(folder / "other.csv")]) == 1
    assert "other.csv: carries no record, and no study's records/" in capsys.readouterr().err
    (folder / "broken.h5").write_text("no")
    assert main(["record", str(folder / "broken.h5")]) == 1
    assert "broken.h5: not readable" in capsys.readouterr().err
