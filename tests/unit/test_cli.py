"""The command line: a table and 0, or one line and 1."""

import dataclasses
import io
import json

import pytest
from tests import synthetic
from tests.tiny_clips import shard_job

from hopeworld.cli import main
from hopeworld.evaluation.summary import summarise
from hopeworld.simulation.shards import simulate_shard


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for domain in "AB":
        simulate_shard(shard_job(folder, "probe", domain, range(2)), io.StringIO())
    return folder


def test_validate_prints_a_row_per_split_and_domain(results, capsys):
    assert main(["validate", str(results)]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["split", "domain", "clips"]
    assert first.split()[:3] == ["probe", "A", "2"]
    assert second.split()[:3] == ["probe", "B", "2"]
    assert first.split()[-1] == "0.50%"


def test_validate_fails_above_the_limit(tmp_path, capsys):
    job = shard_job(tmp_path, "probe", "A", range(2))
    loose = dataclasses.replace(job.simulation, inertia_scale=1.0, step_hz=48)
    simulate_shard(dataclasses.replace(job, simulation=loose), io.StringIO())
    assert main(["validate", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("hopeworld: error: clips probe_A: frame_error")
    assert len(printed.err.splitlines()) == 1
    assert "probe" in printed.out


def test_validate_names_an_empty_folder(tmp_path, capsys):
    assert main(["validate", str(tmp_path)]) == 1
    assert "no clip tables" in capsys.readouterr().err


def test_validate_names_a_corrupt_table(results, tmp_path, capsys):
    table = tmp_path / "clips" / "probe_A" / "00000.h5"
    table.parent.mkdir(parents=True)
    table.write_bytes((results / "clips/probe_A/00000.h5").read_bytes()[:2000])
    assert main(["validate", str(tmp_path)]) == 1
    assert "00000.h5: not readable" in capsys.readouterr().err


def test_costs_sums_the_jobs_of_a_rule_and_the_files_of_a_folder(tmp_path, capsys):
    header = "s\th:m:s\tmax_rss\n"
    for name, row in (("train/a", "2.0\t0:00:02\t10.0\n"), ("train/b", "3.5\t0:00:03\tNA\n")):
        path = tmp_path / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + row)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.png").write_bytes(bytes(2_500_000))
    assert main(["costs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| train | 2 | 6 | 4 | 10 |" in lines
    assert "| figures | 2.5 |" in lines


def test_costs_names_a_study_that_has_not_run(tmp_path, capsys):
    assert main(["costs", str(tmp_path)]) == 1
    assert "no benchmarks" in capsys.readouterr().err


def test_export_keeps_tables_and_figures_with_their_provenance(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results, kept = tmp_path / "results", tmp_path / "kept"
    short = {"clips": {"A1": 8, "B": 8, "A2": 8}}
    sources = synthetic.write_study(results, **short)
    summarise(synthetic.job(**short), sources, synthetic.outputs(results))
    (results / "figures").mkdir()
    (results / "figures" / "online_loss.png").write_bytes(b"PNG")
    assert main(["export", str(results), str(kept)]) == 1
    assert "no settings.json" in capsys.readouterr().err
    (results / "settings.json").write_text('{"study": "verdict"}')
    assert main(["export", str(results), str(kept)]) == 0
    names = {str(path.relative_to(kept)) for path in kept.rglob("*.*")}
    assert {"verdict.json", "provenance.json", "README.md", "figures/online_loss.png"} <= names
    assert "tables/contrasts.csv" in names
    assert not any(name.endswith(".parquet") for name in names)
    about = json.loads((kept / "provenance.json").read_text())
    assert about["commit"] == "not a git checkout"
    assert about["hardware"]["cores"] > 0
    chapter = (kept / "README.md").read_text()
    assert json.loads((kept / "verdict.json").read_text())["sentence"] in chapter
    assert "| ViT-AC + TTA |" in chapter
    assert "random encoder weights" in chapter
