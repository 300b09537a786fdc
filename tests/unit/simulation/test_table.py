"""Clip tables: what is written is read, and what is not whole is refused."""

import h5py
import numpy as np
import pytest

from hopeworld.schema import CLIP_SHARD
from hopeworld.simulation.table import (
    TableError,
    digest,
    read_attributes,
    read_clip_table,
    write_clip_table,
)

SIZES = {"N": 3, "F": 16, "T": 8, "P": 4}
ATTRIBUTES = {
    "config": "abc",
    "split": "train",
    "domain": "A",
    "settings": {"simulation": {"seed": 0, "friction": (0.1, 0.2)}},
    "versions": {"numpy": "2"},
}


def columns():
    draw = np.random.default_rng(0)
    made = {}
    for name, column in CLIP_SHARD.items():
        shape = [SIZES.get(axis) or int(axis) for axis in column.axes.split()]
        values = draw.normal(size=shape) * 100
        made[name] = values.astype("int64").astype("str" if column.dtype == "str" else column.dtype)
    return made


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "00000.h5"
    write_clip_table(path, columns(), ATTRIBUTES)
    return path


def test_write_then_read_is_the_identity(table):
    read = read_clip_table(table)
    assert list(read) == list(CLIP_SHARD)
    for name, values in columns().items():
        assert (read[name] == values).all()
        assert read[name].dtype.kind == np.dtype(CLIP_SHARD[name].dtype).kind


def test_attributes_come_back(table):
    attributes = read_attributes(table)
    assert attributes["config"] == "abc"
    assert attributes["settings"]["simulation"]["friction"] == [0.1, 0.2]
    with h5py.File(table) as file:
        assert file["mass"].attrs["unit"] == "kg"


def test_same_content_same_bytes(table, tmp_path):
    write_clip_table(tmp_path / "other.h5", columns(), ATTRIBUTES)
    assert (tmp_path / "other.h5").read_bytes() == table.read_bytes()


def test_a_missing_table_is_named(tmp_path):
    problem = r"none\.h5: no such clip table; run `hopeworld clips repair"
    with pytest.raises(TableError, match=problem):
        read_clip_table(tmp_path / "none.h5")


def test_a_truncated_table_is_refused(table):
    table.write_bytes(table.read_bytes()[:-500])
    with pytest.raises(TableError, match=r"00000\.h5: not readable"):
        read_clip_table(table)


def test_a_flipped_bit_is_refused(table):
    content = bytearray(table.read_bytes())
    place = content.index(columns()["position"].tobytes()[:64])
    content[place + 9] ^= 1
    table.write_bytes(content)
    with pytest.raises(TableError, match=r"00000\.h5: not readable"):
        read_clip_table(table)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "features.h5"
    with h5py.File(path, "w") as file:
        file["latent"] = np.zeros(3)
    with pytest.raises(TableError, match="not a clip table"):
        read_attributes(path)


def test_an_incomplete_table_is_refused(table):
    with h5py.File(table, "a") as file:
        del file.attrs["complete"]
    with pytest.raises(TableError, match="incomplete"):
        read_clip_table(table)


def test_a_wrong_shape_is_not_written(tmp_path):
    wrong = columns() | {"mass": np.zeros(4)}
    with pytest.raises(TableError, match=r"mass has shape \(4,\), not \[N\]"):
        write_clip_table(tmp_path / "00000.h5", wrong, ATTRIBUTES)
    assert not list(tmp_path.iterdir())


def test_digest_depends_on_every_byte():
    values = np.arange(6.0)
    other = values.copy()
    other[3] = np.nextafter(other[3], 9)
    assert digest(values) == digest(values[:2], values[2:]) != digest(other)
