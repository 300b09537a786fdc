"""A broken shard is made again as it was, and nothing else is touched."""

import dataclasses
import os
import shutil

import pytest
from tests.snapshots import flip_latent, snapshot
from tests.tiny_features import HEADER, write_features
from tests.tiny_studies import workshop, write_shard_of, write_study

from hopeworld.features.index import INDEX, verify
from hopeworld.features.repair import repair
from hopeworld.features.store import FeatureShard
from hopeworld.files import InUse, exclusive, workflow_time

SHARD = "features/train_A/00001.h5"
HOUR_NS = 3600 * 10**9
OTHER = dataclasses.replace(HEADER, settings='{"mode": "clip"}')


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    return folder


@pytest.fixture
def results(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "study")


def as_new(before, results):
    """A snapshot in which the shard has the time of its clips, as a repair gives it."""
    table = results / "clips" / "train_A" / "00001.h5"
    times = map(workflow_time, (table, table.with_suffix("")))
    return before | {SHARD: (before[SHARD][0], max(times))}


def delete(path):
    path.unlink()


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip_a_byte(path):
    flip_latent(path, 1)


def replace_by_another(path):
    """By a copy that keeps its time, as `cp -p` makes it."""
    seen = path.stat().st_mtime_ns
    write_features(path, [2, 3], OTHER)
    os.utime(path, ns=(seen, seen))


@pytest.mark.parametrize("harm", [delete, truncate, flip_a_byte, replace_by_another])
def test_what_was_harmed_is_as_before_and_as_old_as_its_clips(results, harm):
    before = as_new(snapshot(results), results)
    harm(results / SHARD)
    lines = list(repair(workshop(results)))
    assert lines == [f"{results / SHARD}: made again, the same as before"]
    assert snapshot(results) == before
    assert list(repair(workshop(results))) == []


def test_a_whole_shard_that_is_newer_than_the_index_is_left(results):
    """The workflow made it with new settings and was stopped before it wrote the index."""
    write_features(results / SHARD, [2, 3], OTHER)
    before = snapshot(results)
    (line,) = repair(workshop(results))
    assert f"{SHARD}: not repaired: whole, newer than index.json; if the workflow made it" in line
    assert snapshot(results) == before


@pytest.mark.parametrize("harm", [flip_a_byte, truncate, delete])
def test_an_index_of_old_settings_brings_no_shard_back(results, harm):
    shutil.rmtree(results / "features" / "train_A")
    for number, clips in enumerate(([0, 1], [2, 3])):
        write_shard_of(results, f"{number:05d}", clips, mode="clip")
    before = snapshot(results)
    harm(results / SHARD)
    *_, line = repair(workshop(results))
    assert f"{SHARD}: made again" in line
    assert FeatureShard(results / SHARD).header.mode == "clip"
    assert snapshot(results)[SHARD][0] == before[SHARD][0]


def test_the_time_is_never_before_that_of_the_clips(results):
    table = results / "clips" / "train_A" / "00001.h5"
    later = table.stat().st_mtime_ns + HOUR_NS
    os.utime(table, ns=(later, later))
    (results / SHARD).unlink()
    list(repair(workshop(results)))
    assert (results / SHARD).stat().st_mtime_ns == later


def test_without_an_index_the_settings_are_those_of_the_others(results):
    (results / INDEX).unlink()
    before = as_new(snapshot(results), results)
    flip_latent(results / SHARD, 1)
    seen = before[SHARD][1]
    os.utime(results / SHARD, ns=(seen, seen))
    assert "the same as before" in next(repair(workshop(results)))
    assert snapshot(results) == before


def test_without_an_index_and_others_it_is_said(results):
    (results / INDEX).unlink()
    (results / "features" / "train_A" / "00000.h5").unlink()
    before = (results / SHARD).read_bytes()
    os.truncate(results / SHARD, 1000)
    (line,) = repair(workshop(results))
    assert f"{SHARD}: not repaired: no index and no other shard tells how" in line
    assert (results / SHARD).read_bytes() == before[:1000]


def test_a_clip_that_is_gone_is_named_and_the_broken_shard_stays(results):
    (results / "clips" / "train_A" / "00001" / "000003.mp4").unlink()
    flip_latent(results / SHARD, 1)
    broken = (results / SHARD).read_bytes()
    (line,) = repair(workshop(results))
    assert f"{SHARD}: not repaired: " in line
    assert "000003.mp4: no such clip; run `hopeworld clips repair" in line
    assert (results / SHARD).read_bytes() == broken


def test_other_bytes_are_no_repair_in_silence(results):
    """As another version of torch would give."""
    shard = results / SHARD
    flip_latent(shard, 1)
    old = snapshot(results)[SHARD]
    index = (results / INDEX).read_text()
    first = index.split('"crc32c": [')[2].split(",")[0].strip()
    (results / INDEX).write_text(index.replace(first, str(int(first) ^ 1)))
    (line,) = repair(workshop(results))
    assert "made again, but not the same; run the workflow" in line
    assert shard.stat().st_mtime_ns > old[1]


def test_a_shard_that_is_being_written_is_left_alone(results):
    (results / SHARD).unlink()
    with exclusive(results / SHARD):
        (line,) = repair(workshop(results))
    assert "not repaired" in line
    assert f"process {os.getpid()} on" in line
    assert issubclass(InUse, ValueError)
    assert dict(verify(results))[results / SHARD] != []
