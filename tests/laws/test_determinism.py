"""Law: same seed, same bytes - over processes and orders, and up to the push over domains."""

import hashlib
import io
import itertools
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_clips import WIDE
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION, shard_job

from hopeworld.settings import SPLITS
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import draw_scenario
from hopeworld.simulation.shards import simulate_shard
from hopeworld.simulation.table import digest, read_clip_table
from hopeworld.video.clips import clip_path, read_clip, write_clip
from hopeworld.video.renderer import Renderer, patch_masks

CLIPS = range(4)
NAMES = [("train", index, domain) for index in CLIPS for domain in "AB"] + [("held_out", 0, "B")]


def make_clips(folder: str, names: list[tuple[str, int, str]]) -> dict[tuple, tuple[str, ...]]:
    """Digests of states, frames, masks and mp4 by name, made in this order by one process.

    All clips share one physics client and one renderer.
    """
    renderer = Renderer(WIDE, APPEARANCE.checker_m)
    with engine.connected() as client:
        return {name: make_clip(folder, name, renderer, client) for name in names}


def make_apart(folder: str, names: list[tuple[str, int, str]]) -> dict[tuple, tuple[str, ...]]:
    """As `make_clips`, with a client and a renderer of its own for every clip."""
    return {name: make_clips(folder, [name])[name] for name in names}


def make_clip(
    folder: str, name: tuple[str, int, str], renderer: Renderer, client: int
) -> tuple[str, ...]:
    split, index, domain = name
    scenario = draw_scenario(SIMULATION, APPEARANCE, WIDE, split, index)
    states = engine.simulate(scenario, SIMULATION.domain(domain), SIMULATION, client)
    drawing = renderer.draw(scenario, states)
    path = clip_path(Path(folder) / f"{split}_{domain}", index)
    write_clip(path, drawing.frames, SIMULATION.frame_hz)
    motion = (states.position, states.quaternion, states.velocity, states.angular_velocity)
    masks = (drawing.coverage, *patch_masks(drawing.coverage))
    mp4 = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest(*motion), digest(drawing.frames), digest(*masks), mp4


def test_processes_and_orders_give_the_same_bytes(tmp_path):
    """Forwards, backwards and shuffled; clients and renderers used again and fresh."""
    shuffled = [NAMES[k] for k in np.random.default_rng(0).permutation(len(NAMES))]
    ways = [(make_clips, NAMES), (make_clips, NAMES[::-1]), (make_apart, shuffled)]
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        started = [
            pool.apply_async(make, (str(tmp_path / str(k)), names))
            for k, (make, names) in enumerate(ways)
        ]
        here = make_clips(str(tmp_path / "here"), shuffled)
        assert all(process.get(timeout=60) == here for process in started)
    assert len(set(here.values())) == len(NAMES)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    jobs = [shard_job(folder, "train", domain, CLIPS) for domain in "AB"]
    for job in jobs:
        simulate_shard(job, io.StringIO())
    return jobs


def test_pairs_are_identical_up_to_the_push(pair):
    a, b = (read_clip_table(job.table) for job in pair)
    for name in ("force", "action", "onset", "shape", "half_extents", "colour", "episode"):
        assert (a[name] == b[name]).all()
    for row, index in enumerate(CLIPS):
        n = a["onset"][row]
        frames = [read_clip(clip_path(job.folder, index)) for job in pair]
        assert (frames[0][: n + 1] == frames[1][: n + 1]).all()
        assert (frames[0][-1] != frames[1][-1]).any()
        start, end = (np.abs(a["position"][row, f] - b["position"][row, f]) for f in (n, -1))
        assert start.max() < 1e-9
        assert end.max() > 0.05


def test_domains_differ_in_physics_as_configured(pair):
    a, b = (read_clip_table(job.table) for job in pair)
    assert np.allclose(b["friction"], 0.4 * a["friction"])
    assert np.allclose(b["mass"], 0.8 * a["mass"])
    assert len(set(a["friction"])) == 1


@pytest.mark.parametrize("cut", [(0, 4), (0, 1, 4), (0, 1, 2, 3, 4)], ids=str)
def test_shards_of_any_cut_hold_the_same_clips(pair, tmp_path, cut):
    whole = read_clip_table(pair[1].table)
    for start, stop in reversed(list(itertools.pairwise(cut))):
        job = shard_job(tmp_path / str(start), "train", "B", range(start, stop))
        simulate_shard(job, io.StringIO())
        part = read_clip_table(job.table)
        assert all((whole[name][start:stop] == part[name]).all() for name in whole)
        for index in job.clips:
            paths = [clip_path(folder, index) for folder in (pair[1].folder, job.folder)]
            assert paths[0].read_bytes() == paths[1].read_bytes()


def test_no_two_splits_share_a_clip_or_an_episode():
    drawn = [
        draw_scenario(SIMULATION, APPEARANCE, CAMERA, split, index)
        for split in SPLITS
        for index in range(0, 12, 4)
    ]
    assert len({clip.push for clip in drawn}) == len(drawn)
    assert len({(clip.friction, clip.mass) for clip in drawn}) == len(drawn)
