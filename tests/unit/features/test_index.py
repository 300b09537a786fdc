"""The index is made from the shards alone; what differs from it, or is broken, gets a line."""

import dataclasses
import json
import shutil

import pytest
from tests.snapshots import flip_latent
from tests.tiny_features import HEADER, write_features, write_table

from hopeworld.cli import main
from hopeworld.features.index import INDEX, index, recorded, shards, table_of, verify
from hopeworld.files import write_json


@pytest.fixture
def results(tmp_path):
    """Two shards of train_A, one of the leakage study, their tables, an index of the first two."""
    for name, clips in (("00000", [0, 1]), ("00001", [2, 3])):
        write_features(tmp_path / "features" / "train_A" / f"{name}.h5", clips)
        write_table(tmp_path / "clips" / "train_A" / f"{name}.h5", clips)
    write_json(tmp_path / INDEX, index(tmp_path, shards(tmp_path)))
    header = dataclasses.replace(HEADER, mode="clip", settings='{"mode": "clip"}')
    write_features(tmp_path / "leakage" / "clip" / "A" / "00000.h5", [0, 1], header)
    write_table(tmp_path / "clips" / "leakage_A" / "00000.h5", [0, 1])
    return tmp_path


def problems(results):
    return [problem for _, found in verify(results) for problem in found]


def test_index_says_what_each_shard_holds(results):
    found = recorded(results)
    assert list(found) == ["features/train_A/00000.h5", "features/train_A/00001.h5"]
    entry = found["features/train_A/00001.h5"]
    assert entry["clips"] == [2, 3]
    assert entry["shape"] == [8, 16, 6]
    assert entry["config"] == "abc"
    assert entry["bytes"] == (results / "features/train_A/00001.h5").stat().st_size
    assert len(entry["crc32c"]) == 2
    assert entry["sha256"] != found["features/train_A/00000.h5"]["sha256"]


def test_a_leakage_shard_belongs_to_the_clips_of_its_domain(results):
    shard = results / "leakage" / "clip" / "A" / "00000.h5"
    assert shard in shards(results)
    assert table_of(results, shard) == results / "clips" / "leakage_A" / "00000.h5"


def test_a_whole_study_has_no_problems(results, capsys):
    assert problems(results) == []
    assert main(["features", "verify", str(results)]) == 0
    assert "3 shards, nothing wrong" in capsys.readouterr().out


def test_every_broken_clip_has_a_line(results, capsys):
    shard = results / "features" / "train_A" / "00000.h5"
    flip_latent(shard, 1)
    (line,) = problems(results)
    assert "features/train_A/00000.h5: checksum of clip 1 does not match" in line
    assert main(["features", "verify", str(results)]) == 1
    printed = capsys.readouterr()
    assert line in printed.out.splitlines()
    assert "1 problems; run `hopeworld features repair" in printed.err


def test_a_shard_of_the_index_that_is_gone_has_a_line(results):
    (results / "features" / "train_A" / "00001.h5").unlink()
    (line,) = problems(results)
    assert "features/train_A/00001.h5: no such feature shard" in line


def test_a_shard_of_another_config_has_a_line(results):
    path = results / "features" / "train_A" / "00001.h5"
    write_features(path, [2, 3], dataclasses.replace(HEADER, config="other", settings='{"a": 1}'))
    config, making = problems(results)
    assert "00001.h5: has config other, not abc as in index.json" in config
    assert "00001.h5: made with" in making


def test_without_an_index_a_shard_is_compared_with_the_others(results):
    (results / INDEX).unlink()
    write_features(results / "features" / "train_A" / "00002.h5", [4, 5])
    path = results / "features" / "train_A" / "00001.h5"
    write_features(path, [2, 3], dataclasses.replace(HEADER, settings='{"a": 1}'))
    (line,) = problems(results)
    assert str(path) in line


def test_the_batch_that_a_machine_chose_is_no_fault(results):
    path = results / "features" / "train_A" / "00002.h5"
    write_features(path, [4, 5], dataclasses.replace(HEADER, settings='{"batch": 8}'))
    assert problems(results) == []


@pytest.mark.parametrize("settings", ["{", "", "\xff"])
def test_settings_that_cannot_be_read_are_named(results, settings):
    path = results / "features" / "train_A" / "00001.h5"
    write_features(path, [2, 3], dataclasses.replace(HEADER, settings=settings))
    (line,) = problems(results)
    assert f"{path}: not a whole feature shard" in line


def test_other_latents_and_other_clips_have_a_line(results):
    write_features(results / "features" / "train_A" / "00001.h5", [2, 4])
    sums, clips = problems(results)
    assert "checksums are not those of index.json" in sums
    assert "clips are not those of" in clips


def test_info_prints_a_table_and_keeps_the_index(results, capsys):
    before = (results / INDEX).read_bytes()
    assert main(["features", "info", str(results)]) == 0
    header, train, leakage = capsys.readouterr().out.splitlines()
    assert header.split()[:5] == ["features", "shards", "clips", "MB", "mode"]
    assert train.split()[:6] == ["train_A", "2", "4", "0.0", "tubelet", "float32"]
    assert leakage.split()[:3] == ["leakage/clip/A", "1", "2"]
    assert (results / INDEX).read_bytes() == before


def test_info_writes_an_index_that_is_missing_or_asked_for(results, capsys):
    path = results / INDEX
    path.unlink()
    assert main(["features", "info", str(results)]) == 0
    assert f"wrote {path}" in capsys.readouterr().out
    assert len(json.loads(path.read_text())) == 3
    shutil.rmtree(results / "leakage")
    assert main(["features", "info", "--rebuild", str(results)]) == 0
    assert len(json.loads(path.read_text())) == 2


def test_a_broken_index_says_how_to_make_it_again(results, capsys):
    (results / INDEX).write_text('{"features')
    assert main(["features", "verify", str(results)]) == 1
    error = capsys.readouterr().err
    assert "index.json: not readable" in error
    assert f"run `hopeworld features info --rebuild {results}`" in error


@pytest.mark.parametrize("action", ["info", "verify"])
def test_a_folder_without_features_is_named(tmp_path, capsys, action):
    assert main(["features", action, str(tmp_path)]) == 1
    assert "no feature shards; make them with the workflow" in capsys.readouterr().err
