"""A broken clip is drawn again as it was, and nothing else is touched."""

import dataclasses
import io
import os
import shutil
import time

import numpy as np
import pytest
from tests.snapshots import snapshot
from tests.tiny_clips import shard_job

from hopeworld.cli import main
from hopeworld.simulation.repair import repair, verify
from hopeworld.simulation.shards import simulate_shard
from hopeworld.video.clips import clip_path, read_clip, write_clip

CLIPS = range(4, 7)
CLIP = "clips/train_A/00000/000005.mp4"
TABLE = "clips/train_A/00000.h5"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    simulate_shard(shard_job(folder, "train", "A", CLIPS), io.StringIO())
    simulate_shard(shard_job(folder, "probe", "B", range(1)), io.StringIO())
    return folder


@pytest.fixture
def results(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "study")


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def delete(path):
    path.unlink()


def shorten(path):
    """Write the clip again with 9 frames."""
    write_clip(path, read_clip(path)[:9], 12)


def shrink(path):
    """Write the clip again with half the height."""
    write_clip(path, np.ascontiguousarray(read_clip(path)[:, ::2]), 12)


def change_a_pixel(path):
    frames = read_clip(path).copy()
    frames[3, 5, 7, 1] ^= 1
    write_clip(path, frames, 12)


HARMS = {
    truncate: "not readable",
    delete: "no such clip",
    shorten: "has 9 frames, not 16",
    shrink: "pixels differ from the frames_sha256 of its table",
    change_a_pixel: "pixels differ from the frames_sha256 of its table",
}


def contents(results):
    """Digests of all files; times of all but the clips, which the workflow does not look at."""
    return {
        name: (digest, None if name.endswith(".mp4") else modified)
        for name, (digest, modified) in snapshot(results).items()
    }


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_clip_is_named_and_made_as_it_was(results, capsys, harm):
    folder = (results / CLIP).parent
    (folder / ".snakemake_timestamp").touch()
    before = contents(results)
    others = {p: p.stat().st_mtime_ns for p in folder.iterdir() if p.name != "000005.mp4"}
    harm(results / CLIP)
    assert main(["clips", "verify", str(results)]) == 1
    line, *_ = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{results / CLIP}: ")
    assert HARMS[harm] in line
    assert f"run `hopeworld clips repair {results}`" in line
    assert main(["clips", "repair", str(results)]) == 0
    assert f"{results / CLIP}: made again, the same as before" in capsys.readouterr().out
    assert contents(results) == before
    assert {path: path.stat().st_mtime_ns for path in others} == others
    assert main(["clips", "verify", str(results)]) == 0


def test_the_folder_keeps_its_time(results):
    folder = (results / CLIP).parent
    os.utime(folder, ns=(10**18, 10**18))
    truncate(results / CLIP)
    list(repair(results))
    assert folder.stat().st_mtime_ns == 10**18


def test_a_folder_that_is_gone_is_drawn_again(results):
    before = contents(results)
    shutil.rmtree((results / CLIP).parent)
    assert len(list(repair(results))) == len(CLIPS)
    assert contents(results) == before
    assert (results / CLIP).parent.stat().st_mtime_ns == (results / TABLE).stat().st_mtime_ns


@pytest.mark.parametrize("harm", [truncate, delete])
def test_a_table_is_made_from_the_settings_of_another(results, harm):
    before = (results / TABLE).read_bytes()
    seen = (results / CLIP).parent.stat().st_mtime_ns
    time.sleep(0.01)
    harm(results / TABLE)
    assert list(repair(results)) == [f"{results / TABLE}: made again; it fits the clips"]
    assert (results / TABLE).read_bytes() == before
    assert (results / TABLE).stat().st_mtime_ns == seen


def test_a_table_that_fits_no_clip_is_not_taken(results):
    truncate(results / TABLE)
    broken = (results / TABLE).read_bytes()
    for index in CLIPS:
        change_a_pixel(clip_path(results / "clips/train_A/00000", index))
    (line,) = repair(results)
    assert "not repaired" in line
    assert "it fits none of the clips that are there" in line
    assert (results / TABLE).read_bytes() == broken


def test_the_only_table_cannot_be_made_again(results):
    shutil.rmtree(results / "clips" / "probe_B")
    truncate(results / TABLE)
    (line,) = repair(results)
    assert "not repaired" in line
    assert "no other table has its settings" in line


def test_a_clip_that_comes_out_otherwise_is_not_taken(results, monkeypatch):
    """As another version of the renderer would give."""
    truncate(results / CLIP)
    broken = (results / CLIP).read_bytes()
    monkeypatch.setattr("hopeworld.simulation.repair.simulate_shard", _draw_another)
    (line,) = repair(results)
    assert "not repaired" in line
    assert "drawn anew it has other pixels" in line
    assert (results / CLIP).read_bytes() == broken
    assert not list(results.rglob("*.repair"))


def _draw_another(job, log):
    simulate_shard(dataclasses.replace(job, domain="B"), log)


def test_a_study_without_clips_is_named(tmp_path, capsys):
    for action in ("verify", "repair"):
        assert main(["clips", action, str(tmp_path)]) == 1
        assert "no clips; make them with the workflow" in capsys.readouterr().err


def test_whole_clips_have_no_problem(whole):
    assert [problems for _, problems in verify(whole)] == [{}, {}]
