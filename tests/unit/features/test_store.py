"""Feature shards: what is written is read, and what was damaged is refused by name."""

import dataclasses
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.tiny_features import HEADER, write_features

from hopeworld.features.store import (
    FLOAT16_MAX,
    CorruptShard,
    DiskFull,
    FeatureShard,
    StoreError,
    check_disk,
    is_complete,
    write_shard,
)
from hopeworld.files import InUse
from hopeworld.schema import FEATURE_SHARD

SOURCE = Path(__file__).parents[3] / "workflow" / "src"
CLIPS = [7, 3, 12, 5]


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "00000.h5"
    write_features(path, CLIPS)
    return path


def latent_offset(path):
    with h5py.File(path) as file:
        return file["latent"].id.get_offset(), file["latent"][0].nbytes


def flip(path, position):
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


latents = hnp.arrays(
    np.float16,
    hnp.array_shapes(min_dims=4, max_dims=4, max_side=4),
    elements=st.floats(-65472, 65472, width=16),
)


@given(latents)
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read(values):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "00000.h5"
        clips = np.arange(len(values))[::-1]
        write_shard(path, HEADER, clips, iter(values))
        shard = FeatureShard(path)
        assert shard.gather(np.arange(len(values))).tobytes() == values.tobytes()
        assert shard.clip.tolist() == clips.tolist()
        assert shard.header == HEADER


def test_file_follows_the_schema(shard):
    with h5py.File(shard) as file:
        assert set(file) == set(FEATURE_SHARD)
        for name, array in FEATURE_SHARD.items():
            assert file[name].dtype == array.dtype
            assert file[name].ndim == len(array.axes.split())
            assert file[name].attrs["axes"] == array.axes
        assert file["latent"].chunks is None
        assert file.attrs["complete"]
        assert {"config", "weights", "mode", "dtype", "axes", "units"} <= set(file.attrs)


def test_gather_keeps_order_and_repeats(shard):
    rows = FeatureShard(shard).gather(np.array([2, 0, 2, 1]))
    assert rows.dtype == np.float16
    assert rows[:, 0, 0, 0].tolist() == [12, 7, 12, 3]


def test_flipped_byte_names_file_and_clip(shard):
    offset, size = latent_offset(shard)
    flip(shard, offset + 2 * size + 11)
    reader = FeatureShard(shard)
    assert reader.gather([0, 1, 3])[:, 0, 0, 0].tolist() == [7, 3, 5]
    with pytest.raises(CorruptShard, match=r"00000\.h5: checksum of clip 12 .* delete this file"):
        reader.gather([0, 2])


def test_truncated_file_is_corrupt(shard):
    os.truncate(shard, shard.stat().st_size // 2)
    assert not is_complete(shard, "abc")
    with pytest.raises(CorruptShard, match=r"00000\.h5: not a whole feature shard"):
        FeatureShard(shard)


def test_file_without_the_mark_is_corrupt(shard):
    with h5py.File(shard, "r+") as file:
        del file.attrs["complete"]
    assert not is_complete(shard, "abc")
    with pytest.raises(CorruptShard, match="not marked complete"):
        FeatureShard(shard)


def test_shard_of_another_configuration_is_not_complete(shard):
    assert is_complete(shard, "abc")
    assert not is_complete(shard, "abd")
    assert not is_complete(shard.with_name("00001.h5"), "abc")


def test_missing_shard_says_so(tmp_path):
    with pytest.raises(StoreError, match="no such feature shard"):
        FeatureShard(tmp_path / "00000.h5")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, FLOAT16_MAX, -1e6])
def test_value_that_float16_cannot_hold_is_refused(tmp_path, value):
    path = tmp_path / "00000.h5"
    bad = np.zeros((8, 4, 2), np.float32)
    bad[3, 2, 1] = value
    with pytest.raises(StoreError, match="clip 9"):
        write_shard(path, HEADER, np.array([4, 9]), [np.zeros_like(bad), bad])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 3])
def test_as_many_latents_as_clips(tmp_path, count):
    latents = [np.zeros((8, 4, 2))] * count
    with pytest.raises(StoreError, match="2 clips"):
        write_shard(tmp_path / "00000.h5", HEADER, np.array([4, 9]), latents)
    assert not list(tmp_path.iterdir())


def test_reader_can_be_pickled(shard):
    copy = pickle.loads(pickle.dumps(FeatureShard(shard)))
    assert copy.gather([1])[0, 0, 0, 0] == 3


def test_budget_is_counted_and_refused(tmp_path, capsys, monkeypatch):
    assert check_disk(tmp_path, (2, 8, 16, 6)) == 2 * 8 * 16 * 6 * 2
    assert "2 clips need" in capsys.readouterr().out
    usage = dataclasses.make_dataclass("Usage", ["free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free=3071))
    with pytest.raises(DiskFull, match="free some space"):
        check_disk(tmp_path, (2, 8, 16, 6))


WRITER = """
import sys, time
import numpy as np
from tests.tiny_features import HEADER
from hopeworld.features.store import write_shard

def latents():
    for number in range(3):
        print(number, flush=True)
        yield np.full((8, 16, 6), number, np.float16)
        time.sleep(60 * number)

write_shard(sys.argv[1], HEADER, np.arange(3), latents())
"""


@pytest.fixture
def writer(tmp_path):
    """A process that has written one latent of a shard and waits."""
    paths = os.pathsep.join([str(SOURCE), str(SOURCE.parents[1])])
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path / "00000.h5")]
    environment = os.environ | {"PYTHONPATH": paths}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"0\n"
        assert process.stdout.readline() == b"1\n"
        yield process
        process.kill()


def test_killed_writer_leaves_no_shard_and_the_next_cleans_up(tmp_path, writer):
    path = tmp_path / "00000.h5"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert not path.exists()
    assert list(tmp_path.glob("*.tmp.*"))
    write_features(path, CLIPS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["00000.h5"]


def test_second_writer_is_refused_and_the_first_loses_nothing(tmp_path, writer):
    path = tmp_path / "00000.h5"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InUse, match=rf"00000\.h5: process {writer.pid} on .* is writing this file"):
        write_features(path, CLIPS)
    assert sorted(tmp_path.iterdir()) == before
    write_features(path.with_name("00001.h5"), CLIPS)


def test_compressed_latents_are_no_shard(shard):
    with h5py.File(shard, "r+") as file:
        values = file["latent"][:]
        del file["latent"]
        file.create_dataset("latent", data=values, compression="gzip")
    with pytest.raises(CorruptShard, match="not those of a feature shard"):
        FeatureShard(shard)


@pytest.mark.parametrize("folder", ["features/train_A", "leakage/clip/A"])
def test_remedy_is_a_command_on_the_study(tmp_path, folder):
    path = tmp_path / folder / "00000.h5"
    with pytest.raises(CorruptShard, match=rf"run `hopeworld features repair {tmp_path}`, or"):
        raise CorruptShard(path, "broken")
