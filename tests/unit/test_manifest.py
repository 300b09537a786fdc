"""The manifest names every file of a study with the job that made it; what changed is named."""

from __future__ import annotations

import hashlib
import os

import pytest
from tests.recorded_jobs import tiny_study

from hopeworld import manifest
from hopeworld.cli import main
from hopeworld.records import RecordError


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = tiny_study()
    manifest.write(made, [made / "report.html"])
    return made


def later(path):
    """Give a file a time after its record."""
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**12))


def test_every_file_has_its_sha256_and_its_job(study):
    files = manifest.read(study)
    assert set(files) == {"clips/a.txt", "clips/a/0.mp4", "report.html"}
    assert files["clips/a/0.mp4"] == {
        "bytes": 5,
        "sha256": hashlib.sha256(b"video").hexdigest(),
        "rule": "simulate",
        "wildcards": {"seed": "0"},
        "record": "records/simulate.json",
    }


def test_files_of_other_targets_and_settings_are_strangers(study, capsys):
    assert manifest.strangers(study, manifest.read(study)) == ["old.csv", "tuning.csv"]
    assert main(["manifest", "verify", str(study)]) == 0
    assert "old.csv: not in the manifest: of another target" in capsys.readouterr().out


def test_it_is_the_same_whoever_else_runs(study):
    before = (study / manifest.NAME).read_bytes()
    (study / "records/tune.json").unlink()
    manifest.write(study, [study / "report.html"])
    assert (study / manifest.NAME).read_bytes() == before


@pytest.mark.parametrize("is_missing", [False, True])
def test_a_change_is_found(study, capsys, is_missing):
    video = study / "clips/a/0.mp4"
    video.unlink() if is_missing else video.write_text("VIDEO")
    assert main(["manifest", "verify", str(study)]) == 1
    words = "missing" if is_missing else "has sha256"
    assert f"clips/a/0.mp4: {words}" in capsys.readouterr().out
    if not is_missing:
        later(video)
    with pytest.raises(RecordError, match=r"0\.mp4: not as its job .* run `snakemake --force"):
        manifest.write(study, [study / "report.html"])


def test_a_file_made_again_as_it_was_is_no_change(study):
    later(study / "clips/a/0.mp4")
    manifest.write(study, [study / "report.html"])


@pytest.mark.parametrize("text", ["{", "{}", None])
def test_a_file_without_a_record_is_named_with_the_remedy(study, text):
    record = study / "records/simulate.json"
    record.unlink() if text is None else record.write_text(text)
    with pytest.raises(RecordError, match="run `snakemake --force results/tiny/"):
        manifest.write(study, [study / "report.html"])


def test_a_study_without_a_manifest_is_told_how_to_make_it(study, capsys):
    (study / manifest.NAME).unlink()
    assert main(["manifest", "verify", str(study)]) == 1
    assert "manifest.json: no readable manifest" in capsys.readouterr().err
