"""Law: same seed, same bytes - over processes and orders, and up to the push over domains."""

import hashlib
import io
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION, shard_job

from hopeworld.settings import SPLITS
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import draw_scenario
from hopeworld.simulation.shards import simulate_shard
from hopeworld.simulation.table import digest, read_clip_table
from hopeworld.video.clips import clip_path, read_clip, write_clip
from hopeworld.video.renderer import Renderer

CLIPS = range(4)


def make_clips(folder: str, indices: list[int]) -> dict[int, tuple[str, str, str]]:
    """Digests of states, frames and mp4 of clips made in the given order."""
    renderer, made = Renderer(CAMERA, APPEARANCE.checker_m), {}
    with engine.connected() as client:
        for index in indices:
            scenario = draw_scenario(SIMULATION, APPEARANCE, CAMERA, "train", index)
            states = engine.simulate(scenario, SIMULATION.domain_b, SIMULATION, client)
            frames = renderer.draw(scenario, states).frames
            path = clip_path(folder, index)
            write_clip(path, frames, SIMULATION.frame_hz)
            mp4 = hashlib.sha256(path.read_bytes()).hexdigest()
            made[index] = (digest(states.position, states.velocity), digest(frames), mp4)
    return made


def test_processes_and_orders_give_the_same_bytes(tmp_path):
    orders = [list(CLIPS), list(CLIPS)[::-1], [2, 0, 3, 1]]
    folders = [str(tmp_path / str(k)) for k in range(3)]
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        made = pool.starmap(make_clips, zip(folders, orders, strict=True), chunksize=1)
    assert made[0] == made[1] == made[2]
    assert len(set(made[0].values())) == len(CLIPS)


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


def test_shards_of_any_cut_hold_the_same_clips(pair, tmp_path):
    job = shard_job(tmp_path, "train", "B", range(2, 4))
    simulate_shard(job, io.StringIO())
    whole, part = read_clip_table(pair[1].table), read_clip_table(job.table)
    assert all((whole[name][2:] == part[name]).all() for name in whole)
    for index in job.clips:
        paths = [Path(clip_path(folder, index)) for folder in (pair[1].folder, job.folder)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_no_two_splits_share_a_clip_or_an_episode():
    drawn = [
        draw_scenario(SIMULATION, APPEARANCE, CAMERA, split, index)
        for split in SPLITS
        for index in range(0, 12, 4)
    ]
    assert len({clip.push for clip in drawn}) == len(drawn)
    assert len({(clip.friction, clip.mass) for clip in drawn}) == len(drawn)
