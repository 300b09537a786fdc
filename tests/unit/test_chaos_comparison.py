"""What the comparison of a killed study sees, and what it rightly lets pass."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from tests.chaos.comparison import Comparison, same

COST = "adaptation/main/hope_seed0/cost.json"
TIMES = {"seed": [0, 0], "loss": [0.5, np.nan], "time_ms": [1.0, 2.0]}


def write(folder, time_ms=1.0, loss=0.5, text="1,2"):
    """A few files of a study, with measured times."""
    (folder / "tables").mkdir(parents=True)
    (folder / "tables/loss.csv").write_text(text)
    table = pd.DataFrame(TIMES | {"loss": [loss, np.nan], "time_ms": [time_ms, 2.0]})
    table.to_parquet(folder / "tables/stream.parquet")
    (folder / COST).parent.mkdir(parents=True)
    (folder / COST).write_text(json.dumps({"time_ms": time_ms, "loss": loss}))
    (folder / "records").mkdir()
    sums = {COST: str(time_ms), "tables/loss.csv": text}
    outputs = {name: {"bytes": 1, "sha256": value} for name, value in sums.items()}
    (folder / "records/a.json").write_text(json.dumps({"rule": "a", "outputs": outputs}))
    return folder


@pytest.fixture
def comparison(tmp_path):
    return Comparison(write(tmp_path / "reference"))


def test_times_may_differ_and_nothing_else(comparison, tmp_path):
    assert comparison.of_all(write(tmp_path / "slow", time_ms=9.0)) == []
    lines = comparison.of_all(write(tmp_path / "other", loss=0.6))
    assert lines == [f"{n}: differs in more than times" for n in (COST, "tables/stream.parquet")]
    lines = comparison.of_all(write(tmp_path / "text", text="1,3"))
    assert [line.partition(":")[0] for line in lines] == ["records/a.json", "tables/loss.csv"]


def test_missing_strange_and_unfinished_files_are_named(comparison, tmp_path):
    folder = write(tmp_path / "killed")
    (folder / COST).unlink()
    (folder / "strange.csv").touch()
    (folder / "metrics.tmp.12.json").touch()
    lines = comparison.of_all(folder)
    assert lines[:2] == [f"{COST}: missing", "strange.csv: not in the reference"]
    assert lines[2].endswith("metrics.tmp.12.json: left unfinished")
    assert comparison.of_whole_files(folder) == ["strange.csv: not in the reference"]


def test_half_a_file_is_seen_in_the_middle_of_a_study(comparison, tmp_path):
    folder = write(tmp_path / "killed")
    path = folder / "tables/stream.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    (folder / "checkpoint").mkdir()
    torch.save({"step": 1}, folder / "checkpoint/state.pt")
    whole = (folder / "checkpoint/state.pt").read_bytes()
    assert len(comparison.of_whole_files(folder)) == 1
    (folder / "checkpoint/state.pt").write_bytes(whole[:50])
    lines = comparison.of_whole_files(folder)
    assert "state.pt: not whole" in lines[0]
    assert "tables/stream.parquet: not readable" in lines[1]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": float("nan")}, {"a": float("nan")}, True),
        ({"a": [torch.ones(2)]}, {"a": [torch.ones(2)]}, True),
        ({"a": [torch.ones(2)]}, {"a": [torch.zeros(2)]}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1], [1, 2], False),
        ((1,), [1], False),
    ],
)
def test_trees(one, other, equal):
    assert same(one, other) is equal
