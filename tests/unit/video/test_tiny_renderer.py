"""The ray-caster against PyBullet's TinyRenderer: another algorithm, the same states and camera."""

import dataclasses

import numpy as np
import pytest
from benchmarks.peers.tiny_renderer import TinyRenderer
from tests.drawn_clips import CAMERAS, SHAPES, drawn, slid

from hopeworld.simulation import engine

FRAMES = (0, 9, 15)


def tiny_masks(camera, shape):
    """Pixels [F, H, W] of the object in `FRAMES`, one for every ray of the ray-caster."""
    scenario, states = slid(shape)
    with engine.connected() as client:
        tiny = TinyRenderer(camera, scenario.look, client, ground=False)
        return np.stack([tiny.draw(states.position[f], states.quaternion[f])[1] for f in FRAMES])


def overlap(ours, theirs):
    return (ours & theirs).sum() / (ours | theirs).sum()


def dilated(mask):
    """A mask [H, W] and every pixel beside it."""
    height, width = mask.shape
    padded = np.pad(mask, 1)
    windows = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.any(windows, axis=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CAMERAS)
def test_the_object_is_where_tiny_renderer_draws_it(name, shape):
    centres = dataclasses.replace(CAMERAS[name], antialias=1)
    ours = drawn(centres, *slid(shape)).coverage[list(FRAMES)] > 0
    for mine, theirs in zip(ours, tiny_masks(centres, shape), strict=True):
        assert theirs.sum() > 300
        assert overlap(mine, theirs) > 0.995
        assert (mine <= dilated(theirs)).all()
        assert (theirs <= dilated(mine)).all()
        centroids = [np.argwhere(mask).mean(axis=0) for mask in (mine, theirs)]
        assert np.abs(centroids[0] - centroids[1]).max() < 0.05


@pytest.mark.parametrize("shape", SHAPES)
def test_every_ray_of_a_pixel_is_a_pixel_of_a_larger_picture(shape):
    camera = CAMERAS["wide"]
    coverage = drawn(camera, *slid(shape)).coverage[list(FRAMES)]
    side, rays = camera.image_px, camera.antialias
    fine = tiny_masks(camera, shape).reshape(-1, side, rays, side, rays)
    counts = fine.sum(axis=(2, 4))
    assert set(range(rays**2 + 1)) == set(np.unique(coverage))
    assert np.abs(coverage - counts).sum() < 0.001 * counts.sum()
    assert np.abs(coverage - counts).max() <= 1


def test_without_the_half_pixel_the_pictures_do_not_agree(monkeypatch):
    """The lens is moved for a reason: TinyRenderer looks at the corners of pixels."""
    camera = dataclasses.replace(CAMERAS["wide"], antialias=1)
    ours = drawn(camera, *slid("box")).coverage[0] > 0
    assert overlap(ours, tiny_masks(camera, "box")[0]) > 0.999
    shift = "benchmarks.peers.tiny_renderer.CORNER_PX"
    monkeypatch.setattr(shift, 0.0)
    assert 0.93 < overlap(ours, tiny_masks(camera, "box")[0]) < 0.98
