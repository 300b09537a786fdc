"""The published folder is whole, equals its clips, and is not there where a clip is wrong."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION
from tests.tiny_dataset import PARTS

from hopeworld import settings
from hopeworld.dataset import publish as publishing
from hopeworld.dataset.publish import DatasetError, publish
from hopeworld.dataset.table import COLUMNS
from hopeworld.files import InUse, exclusive
from hopeworld.schema import CLIP_SHARD
from hopeworld.simulation.table import TableError, digest, read_clip_table
from hopeworld.video.clips import ClipError, clip_path, read_clip

TEXTS = {"README.md", "LICENSE", "CITATION.cff", "settings.yaml", "splits.json"}


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def harmed(published, tmp_path):
    """A copy of the clips, which a test may harm, as a job."""
    shards = []
    for shard in published.job.shards:
        folder = tmp_path / "clips" / shard.folder.parent.name / shard.folder.name
        shutil.copytree(shard.folder, folder)
        table = shutil.copy(shard.table, folder.with_suffix(".h5"))
        shards.append(dataclasses.replace(shard, table=table, folder=folder))
    return dataclasses.replace(published.job, shards=tuple(shards))


def test_everything_is_there(published):
    folder = published.folder
    assert {path.name for path in folder.iterdir() if path.is_file()} == TEXTS | {
        "clips.parquet",
        "SHA256SUMS",
    }
    for name, count in PARTS.items():
        assert len(list((folder / "videos" / name).glob("*.mp4"))) == count
        for path in (f"states/{name}.h5", f"previews/{name}.mp4", f"sheets/{name}.png"):
            assert (folder / path).stat().st_size > 1000
    assert (folder / "LICENSE").read_text() == "the licence\n"


def test_sha256sum_agrees(published):
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=published.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.endswith(": OK") for line in lines)
    assert len(lines) == len(contents(published.folder)) - 1


def test_a_row_leads_to_the_frames_and_the_states_of_its_clip(published):
    clips = pd.read_parquet(published.folder / "clips.parquet")
    assert list(clips) == list(COLUMNS)
    assert len(clips) == sum(PARTS.values())
    assert not clips.isna().any().any()
    for row in clips.itertuples():
        assert digest(read_clip(published.folder / row.video)) == row.frames_sha256
        with h5py.File(published.folder / row.states) as states:
            assert states["clip"][row.row] == row.clip
            assert states["frames_sha256"][row.row].decode() == row.frames_sha256
            assert states["force"][row.row].sum(0) == pytest.approx([row.force_x_n, row.force_y_n])
            moved = states["position"][row.row, -1] - states["position"][row.row, 0]
            assert np.linalg.norm(moved) == pytest.approx(row.displacement_m)


def test_states_are_the_tables_of_all_shards_in_order(published):
    tables = [read_clip_table(shard.table) for shard in published.job.shards[:2]]
    with h5py.File(published.folder / "states" / "train_A.h5") as states:
        assert dict(states.attrs) == {"split": "train", "domain": "A"}
        assert set(states) == set(CLIP_SHARD)
        for name, array in CLIP_SHARD.items():
            expected = np.concatenate([table[name] for table in tables])
            assert (states[name][:].astype(expected.dtype) == expected).all()
            described = (array.axes, array.unit, array.meaning)
            assert tuple(states[name].attrs[k] for k in ("axes", "unit", "meaning")) == described


def test_a_pair_differs_in_physics_alone_and_only_after_the_push(published):
    clips = pd.read_parquet(published.folder / "clips.parquet")
    pairs = clips[clips["split"] == "probe"].groupby("pair")
    assert (pairs["domain"].nunique() == 3).all()
    same = ["onset", "force_x_n", "force_y_n", "shape", "half_x_m", "red"]
    assert (pairs[same].nunique() == 1).all().all()
    for _, pair in pairs:
        one, *others = (read_clip(published.folder / path) for path in pair["video"])
        onset = pair["onset"].iloc[0]
        for other in others:
            assert (one[: onset + 1] == other[: onset + 1]).all()
            assert (one[-1] != other[-1]).any()


def test_splits_name_files_that_exist(published):
    splits = json.loads((published.folder / "splits.json").read_text())
    assert set(splits) == {"train", "probe", "out_of_range", "held_out"}
    assert set(splits["probe"]["domains"]) == {"A", "B", "friction"}
    assert splits["out_of_range"]["force_n"] == list(SIMULATION.out_of_range_force_n)
    assert splits["held_out"]["shapes"] == list(APPEARANCE.held_out_shapes)
    for split in splits.values():
        for part in split["domains"].values():
            assert len(list((published.folder / part["videos"]).iterdir())) == part["clips"]
            assert (published.folder / part["states"]).is_file()


def test_settings_are_read_back(published):
    sections = yaml.safe_load((published.folder / "settings.yaml").read_text())
    assert settings.read(settings.Simulation, sections["simulation"]) == SIMULATION
    assert settings.read(settings.Appearance, sections["appearance"]) == APPEARANCE
    assert settings.read(settings.Camera, sections["camera"]) == CAMERA
    assert sections["study"] == "tiny"


def test_the_same_clips_give_the_same_bytes(published, tmp_path):
    again = tmp_path / "elsewhere" / "dataset"
    publish(published.job, again, io.StringIO())
    assert contents(again) == contents(published.folder)


def test_copies_do_not_share_their_bytes_with_the_study(published):
    copy = clip_path(published.folder / "videos" / "probe_A", 0)
    assert copy.stat().st_nlink == 1


def test_the_log_counts_the_clips(published):
    total = sum(PARTS.values())
    assert f"dataset: {total}/{total} clips" in published.log
    assert published.log.endswith(f"dataset: {total} clips in {published.folder}\n")


def lose(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2000])


def swap(path):
    shutil.copy(clip_path(path.parent, 2), path)


@pytest.mark.parametrize("harm", [lose, truncate, swap])
def test_a_wrong_clip_is_named_and_nothing_is_published(harmed, tmp_path, harm):
    path = clip_path(harmed.shards[3].folder, 1)
    harm(path)
    with pytest.raises(ClipError, match=r"000001\.mp4") as caught:
        publish(harmed, tmp_path / "dataset", io.StringIO())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["clips"]


def test_what_stood_there_stays_until_the_new_is_whole(harmed, tmp_path):
    folder = tmp_path / "dataset"
    folder.mkdir()
    (folder / "old").touch()
    kept = clip_path(harmed.shards[0].folder, 0)
    moved = kept.rename(kept.with_suffix(".away"))
    with pytest.raises(ClipError):
        publish(harmed, folder, io.StringIO())
    assert [p.name for p in folder.iterdir()] == ["old"]
    moved.rename(kept)
    (tmp_path / "dataset.tmp.1").mkdir()
    publish(harmed, folder, io.StringIO())
    assert not (folder / "old").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"clips", "dataset"}


def test_a_table_that_is_cut_is_named(harmed, tmp_path):
    table = harmed.shards[1].table
    with open(table, "r+b") as file:
        file.truncate(3000)
    with pytest.raises(TableError, match=r"00001\.h5"):
        publish(harmed, tmp_path / "dataset", io.StringIO())
    assert not (tmp_path / "dataset").exists()


def test_a_report_of_other_clips_is_refused(published, tmp_path):
    groups = published.job.validity["groups"][1:]
    job = dataclasses.replace(published.job, validity={"limit": 0.005, "groups": groups})
    with pytest.raises(DatasetError, match=r"held_out_B .*validate the clips again"):
        publish(job, tmp_path / "dataset", io.StringIO())


def test_a_second_writer_is_refused(published, tmp_path):
    with exclusive(tmp_path / "dataset"), pytest.raises(InUse, match="dataset"):
        publish(published.job, tmp_path / "dataset", io.StringIO())


def test_only_the_clips_shown_are_held(published, tmp_path, monkeypatch):
    held, draw = [], publishing._draw

    def count(job, examples, name, folder):
        held.append(len(examples.frames))
        draw(job, examples, name, folder)

    monkeypatch.setattr(publishing, "_draw", count)
    publish(published.job, tmp_path / "dataset", io.StringIO())
    assert held == [published.job.sections["dataset"]["preview_clips"]] * len(PARTS)
