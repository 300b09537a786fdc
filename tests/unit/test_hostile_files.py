"""Files that were damaged or made to harm: every reader refuses them in one line of its own.

What is read is written here, then changed by a seeded draw: cut, bytes replaced, sizes exchanged.
"""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.small_models import small
from tests.tiny_features import RESOURCES, TINY, encoder_settings, write_features, write_table
from tests.tiny_training import tiny_predictor
from tests.unit.test_trained import about

from hopeworld import state_files, trained
from hopeworld.features.manifest import WeightsError
from hopeworld.features.store import FeatureShard, StoreError
from hopeworld.features.weights import load_encoder
from hopeworld.simulation.table import TableError, read_clip_table
from hopeworld.training import checkpoint

DRAWS = 40
SIZES = (b"0", b"7", b"-1", b"4611686018427387904", b"99999999999999999999")
Change = Callable[[bytes, random.Random], bytes]


def replaced(content: bytes, draw: random.Random) -> bytes:
    """A few other bytes, more of them at the beginning."""
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 3])):
        reach = min(len(content), draw.choice([200, 3000, len(content)]))
        changed[draw.randrange(reach)] = draw.randrange(256)
    return bytes(changed)


def cut(content: bytes, draw: random.Random) -> bytes:
    """The file without its end."""
    return content[: draw.randrange(len(content))]


def resized(content: bytes, draw: random.Random) -> bytes:
    """Another number in the header of a safetensors file: a shape, an offset or a setting."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = content[8:end]
    number = draw.choice(list(re.finditer(rb"\d+", header)))
    header = header[: number.start()] + draw.choice(SIZES) + header[number.end() :]
    return len(header).to_bytes(8, "little") + header + content[end:]


def rewritten(content: bytes, change: Change, draw: random.Random) -> bytes:
    """The pickle in a file of torch.save changed, with the checksum of what it now is."""
    old, new = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(new, "w") as file:
        for name in old.namelist():
            part = old.read(name)
            file.writestr(name, change(part, draw) if name.endswith("data.pkl") else part)
    return new.getvalue()


def pickle_replaced(content: bytes, draw: random.Random) -> bytes:
    return rewritten(content, replaced, draw)


def pickle_cut(content: bytes, draw: random.Random) -> bytes:
    return rewritten(content, cut, draw)


SAFETENSORS = (replaced, cut, resized)
TORCH = (replaced, cut, pickle_replaced, pickle_cut)


def refuses(path: Path, read: Callable, error: type[ValueError], changes: tuple) -> None:
    """Change `path` again and again; each time it is read, or refused in one line that names it."""
    whole = path.read_bytes()
    said = []
    for number in range(DRAWS):
        path.write_bytes(changes[number % len(changes)](whole, random.Random(number)))
        try:
            read(path)
        except error as problem:
            said.append(str(problem))
    assert len(said) > DRAWS / 3
    assert [words for words in said if "\n" in words or path.name not in words] == []


def encoder(weights: Path) -> None:
    load_encoder(encoder_settings(weights), TINY, RESOURCES)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_metas_checkpoint(tmp_path):
    state = {f"blocks.{i}.norm1.weight": torch.ones(48) for i in range(2)}
    torch.save({"encoder": state, "epoch": 3}, tmp_path / "vitl.pt")
    refuses(tmp_path / "vitl.pt", encoder, WeightsError, TORCH)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:Using a non-tuple")
def test_the_state_of_a_training(tmp_path):
    state = {"step": 1, "model": {"a": torch.ones(4, 4)}, "rows": [{"a": 1.0}]}
    path = checkpoint.save_state(tmp_path, "f", state)
    read = checkpoint.load_state
    refuses(path, lambda _: read(tmp_path, "f"), checkpoint.CheckpointError, TORCH)


def test_weights_of_a_predictor(tmp_path):
    path = tmp_path / "weights.safetensors"
    trained.save_weights(path, tiny_predictor("hope").state_dict(), about("hope"))
    refuses(path, trained.load_predictor, trained.WeightsError, SAFETENSORS)


def test_the_state_of_a_predictor(tmp_path):
    predictor, path = small("hope"), tmp_path / "state.safetensors"
    state_files.save_state(path, predictor.initial(1), predictor)
    read = state_files.load_state
    refuses(path, lambda _: read(path, predictor, 1), state_files.StateError, SAFETENSORS)


def test_sizes_beyond_the_file_are_refused_before_they_are_believed(tmp_path):
    path = tmp_path / "model.safetensors"
    for header in (1 << 62, 1 << 20):
        path.write_bytes(header.to_bytes(8, "little") + b"{}")
        with pytest.raises(WeightsError, match=r"model\.safetensors: unreadable"):
            encoder(tmp_path)
    shape = b'{"encoder.a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}'
    path.write_bytes(len(shape).to_bytes(8, "little") + shape + b"\0" * 4)
    with pytest.raises(WeightsError, match=r"model\.safetensors: unreadable"):
        encoder(tmp_path)


@pytest.mark.parametrize(
    ("write", "read", "error"),
    [
        (write_features, lambda path: FeatureShard(path).gather(np.arange(4)), StoreError),
        (write_table, read_clip_table, TableError),
    ],
)
def test_a_cut_file_of_hdf5(tmp_path, write, read, error):
    """Cut only: HDF5's own library may crash on metadata made to harm (docs/security.md)."""
    write(tmp_path / "00000.h5", [0, 1, 2, 3])
    refuses(tmp_path / "00000.h5", read, error, (cut,))
