"""Coverage, masks and edges, against a count of rays inside the projected outline of the object."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation
from tests.drawn_clips import CAMERAS, CUT, NEAR, SHAPES, WIDE, drawn, slid

from hopeworld.video.camera import project
from hopeworld.video.renderer import POSE_DECIMALS, patch_masks

# The outline moves by less than this where poses are rounded or a circle is a polygon.
UNSURE_PX = 1e-3
ROUND_SIDES = 720


def vertices(look):
    """Corners [V, 3] of the solid in its own frame; round shapes have `ROUND_SIDES` sides."""
    width, depth, height = look.half_extents
    if look.shape in ("box", "slab"):
        return np.array(
            list(itertools.product((-width, width), (-depth, depth), (-height, height)))
        )
    sides = 6 if look.shape == "hexprism" else ROUND_SIDES
    angles = math.tau / sides * np.arange(sides)
    ring = np.stack([width * np.cos(angles), width * np.sin(angles)], axis=1)
    return np.concatenate([np.column_stack([ring, np.full(sides, z)]) for z in (-height, height)])


def counted_rays(look, position, quaternion, camera):
    """Rays [H, W] of every pixel surely inside the outline of the object, and those not outside.

    The outline of a convex solid is the convex hull of its projected corners.
    """
    turned = Rotation.from_quat(quaternion).apply(vertices(look))
    hull = ConvexHull(project(turned + position, camera))
    share = (np.arange(camera.antialias) + 0.5) / camera.antialias
    grid = (np.arange(camera.image_px)[:, None] + share).ravel()
    spans = np.stack([hull.min_bound - 1, hull.max_bound + 1], axis=1)
    x, y = (slice(*np.searchsorted(grid, span)) for span in spans)
    outside_px = np.full((len(grid), len(grid)), np.inf)
    outside_px[y, x] = -np.inf
    for across, down, offset in hull.equations:
        distance_px = across * grid[x] + down * grid[y, None] + offset
        outside_px[y, x] = np.maximum(outside_px[y, x], distance_px)
    blocks = outside_px.reshape(camera.image_px, camera.antialias, camera.image_px, -1)
    return tuple((blocks < slack).sum(axis=(1, 3)) for slack in (-UNSURE_PX, UNSURE_PX))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CAMERAS)
def test_coverage_counts_the_rays_inside_the_outline(name, shape):
    scenario, states = slid(shape)
    coverage = drawn(CAMERAS[name], scenario, states).coverage
    for frame in (0, 15):
        pose = states.position[frame], states.quaternion[frame]
        surely, at_most = counted_rays(scenario.look, *pose, CAMERAS[name])
        assert surely.sum() > 3000
        assert (surely != at_most).sum() <= 12
        assert (surely <= coverage[frame]).all()
        assert (coverage[frame] <= at_most).all()


@pytest.mark.parametrize("camera", [WIDE, CUT], ids=["wide", "cut"])
def test_a_patch_is_touched_when_one_ray_is(camera):
    scenario, states = slid("box")
    poses = np.round(np.hstack([states.position, states.quaternion]), POSE_DECIMALS)
    hits = [counted_rays(scenario.look, pose[:3], pose[3:], camera)[1] for pose in poses]
    expected = np.zeros((8, 16, 16), bool)
    for frame, row, column in np.argwhere(hits):
        expected[frame // 2, row // 16, column // 16] = True
    now, following = patch_masks(drawn(camera, scenario, states).coverage)
    assert (now == expected.reshape(8, 256)).all()
    assert (following[:-1] == (now[:-1] | now[1:])).all()
    assert (following[-1] == now[-1]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pixel_is_the_mean_of_its_rays(shape):
    """The same rays, one to a pixel of a picture nine times as large; bytes are rounded twice."""
    clip = slid(shape, contrast=1.0)
    fine = dataclasses.replace(NEAR, image_px=3 * NEAR.image_px, antialias=1)
    large = drawn(fine, *clip).frames[[0, 12]].reshape(2, 256, 3, 256, 3, 3)
    frames = drawn(NEAR, *clip).frames[[0, 12]]
    assert np.abs(large.mean(axis=(2, 4)) - frames).max() < 1
