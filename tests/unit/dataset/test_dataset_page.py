"""docs/dataset.md: its snippets run, its overlay is one, its numbers and paths are right."""

from __future__ import annotations

import dataclasses
import re

import h5py
import numpy as np
import pytest
import torch
import yaml
from tests.snakemake_runs import ROOT, merged, read_config

from hopeworld import checks
from hopeworld.dataset.card import LOADER
from hopeworld.simulation.scenario import draw_scenario
from hopeworld.simulation.table import digest
from hopeworld.video.clips import read_clip

TEXT = (ROOT / "docs" / "dataset.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def names(published):
    """What the snippets leave behind, run one after another as a reader would."""
    space: dict = {}
    for block in BLOCKS:
        exec(block.replace("results/default/dataset", str(published.folder)), space)
        space[f"frames_{len(space)}"] = space["frames"]
    return space


def test_the_loader_reads_one_clip_with_its_states(names, published):
    clip, frames = names["clip"], names["frames"]
    assert (clip.split, clip.domain) == ("probe", "B")
    assert digest(frames) == clip.frames_sha256
    assert (frames == read_clip(published.folder / clip.video)).all()
    assert names["force"].shape == (16, 2)
    assert names["force"][clip.onset] == pytest.approx([clip.force_x_n, clip.force_y_n])
    assert names["position"].shape == (16, 3)
    assert names["mask"].shape == (8, 16)
    assert names["mask"].dtype == bool


def test_both_readers_read_the_same(names):
    both = [value for name, value in names.items() if name.startswith("frames_")]
    assert len(both) == len(BLOCKS) == 3
    assert (both[0] == both[1]).all()


def test_the_pytorch_data_set_is_short_and_batches(names, published):
    assert len([line for line in BLOCKS[2].splitlines()[2:] if line]) <= 15
    clips = names["Clips"](str(published.folder))
    loader = torch.utils.data.DataLoader(clips, batch_size=4)
    batches = list(loader)
    assert [tuple(frames.shape) for frames, _ in batches] == [(4, 16, 3, 64, 64)] * 2
    with h5py.File(published.folder / "states" / "train_A.h5") as states:
        assert np.array_equal(torch.cat([force for _, force in batches]), states["force"][:])


def test_the_loader_of_the_card_is_that_of_the_page(published):
    assert BLOCKS[0] == LOADER
    card = (published.folder / "README.md").read_text()
    assert LOADER.replace("results/default/dataset", ".") in card


def test_the_tree_shows_every_file(published):
    tree = TEXT.split("results/default/dataset/\n")[1].split("```")[0]
    for path in published.folder.iterdir():
        assert path.name in tree


def test_the_overlay_is_a_study_whose_clips_can_be_drawn():
    overlay = yaml.safe_load(re.search(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL).group(1))
    study = checks.parse(merged(read_config(), overlay))
    assert study.splits["train"].b == 8000
    assert "ice" in study.dataset.severities
    for split in ("held_out", "out_of_range"):
        for index in range(study.splits[split].a):
            draw_scenario(study.simulation, study.appearance, study.camera, split, index)


def test_the_push_depends_on_the_size_as_often_as_is_said():
    study = checks.parse(read_config())
    large = dataclasses.replace(study.camera, image_px=256)
    drawn = [
        [draw_scenario(study.simulation, study.appearance, camera, "train", i) for i in range(300)]
        for camera in (study.camera, large)
    ]
    differing = sum(one != other for one, other in zip(*drawn, strict=True))
    assert f"of {len(drawn[0])} default draws {differing} get another push" in " ".join(
        TEXT.split()
    )
    assert study.camera.image_px == 128


def test_links_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / "docs" / link).exists(), link
