"""The data card says what is in the folder: ranges, columns, errors, sizes."""

from __future__ import annotations

import dataclasses
import re

import pandas as pd
import pytest
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION
from tests.tiny_dataset import PARTS

from hopeworld.dataset import card_tables
from hopeworld.dataset.card import card
from hopeworld.dataset.contents import PURPOSES, Contents
from hopeworld.dataset.table import COLUMNS
from hopeworld.schema import CLIP_SHARD
from hopeworld.settings import SPLITS, Domain


@pytest.fixture(scope="module")
def text(published):
    return (published.folder / "README.md").read_text()


@pytest.fixture(scope="module")
def contents(published):
    return Contents(
        study="tiny",
        simulation=SIMULATION,
        appearance=APPEARANCE,
        camera=CAMERA,
        clips=pd.read_parquet(published.folder / "clips.parquet"),
        validity=published.job.validity,
        versions=({"numpy": "1"},),
        code="0",
        settings_sha256="0",
        megabytes=dict.fromkeys(("videos", "states", "clips.parquet", "previews", "sheets"), 1.0),
    )


def cells(text: str, first: str) -> list[str]:
    """The cells of the row of a table that starts with a cell."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_every_split_has_a_purpose():
    assert set(PURPOSES) == set(SPLITS)


@pytest.mark.parametrize("name", [*COLUMNS, *CLIP_SHARD])
def test_every_column_and_array_is_in_the_legend(text, name):
    assert f"| `{name}` |" in text


def test_ranges_are_those_of_the_settings(text):
    assert cells(text, "friction coefficient μ")[1:] == ["episode", "0.15 … 0.25"]
    assert cells(text, "force F of `out_of_range`")[-1] == "18 … 22 N"
    assert cells(text, "shape of `held_out`")[-1] == "hexprism"
    assert cells(text, "half height over half width")[-1] == "0.5 … 0.9; × 0.5 for slab, disc"


def test_the_severity_grid_places_the_domains(text, contents):
    assert cells(text, "friction × 1")[1:] == ["A", "–"]
    assert cells(text, "friction × 0.4")[1:] == ["friction", "B"]
    twin = {"friction": Domain(0.4, 0.8)}
    same = dataclasses.replace(SIMULATION, severities=twin)
    grid = card_tables.severities(dataclasses.replace(contents, simulation=same))
    assert cells(grid, "friction × 0.4")[1:] == ["–", "friction, B"]


def test_measured_errors_are_those_of_the_report(text, published):
    for group in published.job.validity["groups"]:
        row = cells(text, f"`{group['split']}_{group['domain']}`")
        assert row[1] == str(group["clips"])
        assert float(row[2].rstrip("%")) == pytest.approx(100 * group["frame_error"], abs=1e-4)


def test_splits_show_what_was_found(text, published):
    clips = pd.read_parquet(published.folder / "clips.parquet")
    low, high = map(float, cells(text, "`out_of_range`")[3].split(" … "))
    assert 18 <= low <= high <= 22
    assert cells(text, "`held_out`")[4] == "hexprism"
    assert cells(text, "`probe`")[2] == "A 4, B 4, friction 4"
    assert f"{len(clips)} short clips" in text
    assert sum(int(cells(text, f"`{name}`")[1]) for name in PARTS) == len(clips)


def test_only_splits_that_there_are_are_described(contents):
    assert "`held_out` shows hexprism where all others show" in card(contents)
    clips = contents.clips[contents.clips["split"] != "held_out"]
    assert "`held_out` shows" not in card(dataclasses.replace(contents, clips=clips))


def test_files_that_the_card_names_exist(text, published):
    found = re.findall(r"^\| `([^`]+)`[^|]*\| .* \|.*$", text.split("## Files")[1], re.MULTILINE)[
        :8
    ]
    assert len(found) == 8
    # Only a job of the workflow writes this one.
    found.remove("provenance.json")
    for name in found:
        pattern = name.format(split="probe", domain="A").replace("NNNNNN", "000000")
        assert (published.folder / pattern).exists(), name


def test_rotation_is_said_to_be_locked_where_it_is(contents):
    assert "Rotation is locked" in card(contents)
    free = dataclasses.replace(SIMULATION, inertia_scale=1.0)
    assert "Objects may turn" in card(dataclasses.replace(contents, simulation=free))


def test_nothing_is_said_of_the_machine_or_the_day(text, published):
    assert str(published.folder) not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)
