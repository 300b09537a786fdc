"""A shard: clips and table agree, and a kill at any moment costs only time."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tiny_clips import shard_job

from hopeworld.files import InUse, exclusive
from hopeworld.simulation.shards import simulate_shard
from hopeworld.simulation.table import digest, read_attributes, read_clip_table
from hopeworld.simulation.trajectory import actions_of
from hopeworld.video.clips import clip_path, read_clip

CLIPS = range(4, 10)
TESTS = Path(__file__).resolve().parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tiny_clips import shard_job
from hopeworld.simulation.shards import simulate_shard

moments, replace = iter(range(1, 99)), os.replace

def replace_or_die(*paths):
    if next(moments) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)

os.replace = replace_or_die
simulate_shard(shard_job(Path(sys.argv[1]), "train", "A", range(4, 10)), sys.stderr)
"""


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shard")
    job = shard_job(folder, "train", "A", CLIPS)
    log = io.StringIO()
    simulate_shard(job, log)
    return job, log.getvalue(), contents(folder)


def test_table_describes_the_clips(finished):
    job, log, _ = finished
    table = read_clip_table(job.table)
    assert table["clip"].tolist() == list(CLIPS)
    assert table["episode"].tolist() == [1, 1, 1, 1, 2, 2]
    assert (table["action"] == actions_of(table["force"])).all()
    assert sorted(job.folder.iterdir()) == [clip_path(job.folder, i) for i in CLIPS]
    for row, index in enumerate(CLIPS):
        frames = read_clip(clip_path(job.folder, index))
        assert digest(frames) == table["frames_sha256"][row]
    states = [table[n][2] for n in ("position", "quaternion", "velocity", "angular_velocity")]
    assert digest(*states) == table["states_sha256"][2]
    assert "train_A 00000: 6/6 clips" in log


def test_masks_hold_the_centre_of_the_object(finished):
    table = read_clip_table(finished[0].table)
    column, row = (table["pixel"][:, ::2] // 16).astype(int).transpose(2, 0, 1)
    for clip in range(len(CLIPS)):
        for t in range(8):
            assert table["mask_now"][clip, t, row[clip, t] * 4 + column[clip, t]]
    later = table["mask_now"][:, 1:]
    assert (table["mask_next"][:, :-1] == (table["mask_now"][:, :-1] | later)).all()
    assert table["mask_now"].mean() < 0.5


def test_attributes_say_what_was_simulated(finished):
    job = finished[0]
    attributes = read_attributes(job.table)
    assert (attributes["split"], attributes["domain"]) == ("train", "A")
    assert attributes["config"] == job.config != shard_job(Path(), "train", "B", CLIPS).config
    assert attributes["settings"]["camera"]["image_px"] == 64
    assert set(attributes["versions"]) == {"numpy", "av", "h5py", "pybullet", "python"}


def test_leftovers_of_another_run_vanish(finished, tmp_path):
    job = shard_job(tmp_path, "train", "A", CLIPS)
    job.folder.mkdir(parents=True)
    for name in ("000004.mp4", "000004.tmp.99.mp4", "000099.mp4"):
        (job.folder / name).write_bytes(b"old")
    job.table.with_name("00000.tmp.99.h5").write_bytes(b"old")
    neighbour = job.table.with_name("00001.tmp.99.h5")
    neighbour.write_bytes(b"in work")
    simulate_shard(job, io.StringIO())
    neighbour.unlink()
    assert contents(tmp_path) == finished[2]


@pytest.mark.parametrize("moment", [1, 4, len(CLIPS) + 1])
def test_killed_and_repeated_is_uninterrupted(finished, tmp_path, moment):
    """The kill comes when file number `moment` is written but does not have its name yet."""
    paths = (str(TESTS.parent / "workflow/src"), str(TESTS))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(moment)]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    job = shard_job(tmp_path, "train", "A", CLIPS)
    assert killed.returncode == -signal.SIGKILL
    assert [path for path in job.table.parent.rglob("*") if ".tmp." in path.name]
    assert not job.table.exists()
    simulate_shard(job, io.StringIO())
    assert contents(tmp_path) == finished[2]


def test_second_writer_is_refused_and_the_first_loses_nothing(finished):
    job, _, before = finished
    line = rf"00000\.h5: process {os.getpid()} on"
    with exclusive(job.table), pytest.raises(InUse, match=line):
        simulate_shard(job, io.StringIO())
    assert contents(job.table.parents[2]) == before
