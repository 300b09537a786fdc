"""A disk that fills up in the middle of each kind of file: one line, nothing half-written."""

import json

import pytest
from tests.small_disk import run_python_on_small_disk

KINDS = ("checkpoint", "weights", "state", "parquet", "csv", "json", "figure", "states")
CODE = """
import io, json, os, sys, tempfile
from pathlib import Path
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np, pandas as pd, torch
from tests.tiny_clips import shard_job
from tests.tiny_training import tiny_models, tiny_predictor
from hopeworld.dataset.parts import Part, copy_part
from hopeworld.files import write_error_named, write_json
from hopeworld.figures import style
from hopeworld.probing.tables import write_csv
from hopeworld.simulation.shards import simulate_shard
from hopeworld.simulation.table import Shard
from hopeworld.state_files import save_state
from hopeworld.trained import Metadata, save_weights
from hopeworld.training import checkpoint
from hopeworld.training.history import Row, write_history

folder = Path(sys.argv[1])
predictor = tiny_predictor("hope")
numbers = np.random.default_rng(0).normal(size=9000)
table = pd.DataFrame({"value": numbers})
about = Metadata("hope", tiny_models().hope, 0, 1, (3, 4), 16, {})


def figure(path):
    drawn, axes = plt.subplots()
    axes.imshow(numbers.reshape(90, 100))
    style.save(drawn, table, style.Paths(*(path.with_suffix(s) for s in (".pdf", ".png", ".csv"))))


clip = shard_job(Path(tempfile.mkdtemp()), "probe", "A", range(1))
simulate_shard(clip, io.StringIO())


def states(path):
    part = Part("probe", "A", (Shard(clip.table, clip.folder),), ({},))
    made = path.with_name(f"again{len(list(path.parent.iterdir()))}")
    with write_error_named(made, "the data set"):
        copy_part(part, made, 1, lambda count: None)


WRITERS = {
    "checkpoint": lambda path: checkpoint.save_state(path, "f", {"step": torch.zeros(9000)}),
    "weights": lambda path: save_weights(path, {"a": torch.zeros(9000)}, about),
    "state": lambda path: save_state(path, predictor.initial(64), predictor),
    "parquet": lambda path: write_history(
        path, "hope", 0, [Row(i, "train", "loss", "all", float(x)) for i, x in enumerate(numbers)]
    ),
    "csv": lambda path: write_csv(table, path),
    "json": lambda path: write_json(path, list(numbers)),
    "figure": figure,
    "states": states,
}


def files():
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


told = {}
for kind, write in WRITERS.items():
    place = folder / kind
    place.mkdir()
    disk = os.statvfs(folder)
    (folder / "fill").write_bytes(bytes((disk.f_bavail - 3) * disk.f_bsize))
    try:
        write(place / "file.any")
        line = "nothing"
    except ValueError as error:
        line = str(error)
    left = [name for name in files() if name.startswith(kind)]
    (folder / "fill").unlink()
    write(place / "file.any")
    told[kind] = [line, left, [name for name in files() if name.startswith(kind)]]
    plt.close("all")
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Of every kind: what was said, what was left, and what a second attempt made."""
    done = run_python_on_small_disk(tmp_path_factory.mktemp("disk"), "6m", CODE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_one_line_and_leaves_nothing_half(told, kind):
    line, left, again = told[kind]
    assert f"/{kind}/" in line
    assert ": no space left on the disk while writing " in line
    assert line.endswith("free some space there and run again")
    assert "\n" not in line
    assert [name for name in left if ".tmp." in name] == []
    assert set(left) < set(again)
