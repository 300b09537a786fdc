"""The shadow: the ground points from which a walk towards the light passes through the object."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.drawn_clips import CAMERAS, NEAR, SHAPES, contains, drawn, slid

from hopeworld.video.camera import camera_frame, sub_pixel_rays
from hopeworld.video.renderer import AMBIENT, DIFFUSE, light_direction

STEPS = np.linspace(0, 0.7, 700)


def ground_points(camera, row, column):
    """Points [3, N] of the plane z = 0 that are seen at the centres of pixels."""
    rays, eye = sub_pixel_rays(camera)[:, 0, row, column], camera_frame(camera).eye[:, None]
    return eye - eye[2] / rays[2] * rays


def is_shaded(look, position, quaternion, points, slack):
    """Whether a walk from points [3, N] towards the light enters the object, by short steps."""
    light = light_direction(look)[:, None]
    back = Rotation.from_quat(quaternion).inv()
    start = back.apply((points - position[:, None]).T).T
    walk = start[:, :, None] + (back.as_matrix() @ light)[:, :, None] * STEPS
    return contains(look.shape, look.half_extents, walk, slack).any(axis=1)


def as_bytes(colour, light):
    return np.floor(np.array(colour) * light * 255 + 0.5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CAMERAS)
def test_the_shadow_is_where_the_object_hides_the_light(name, shape):
    camera = dataclasses.replace(CAMERAS[name], antialias=1, image_px=128)
    scenario, states = slid(shape, contrast=1.0)
    look, rendering = scenario.look, drawn(camera, scenario, states)
    lit = as_bytes(look.ground[0], AMBIENT + DIFFUSE * light_direction(look)[2])
    dark = as_bytes(look.ground[0], AMBIENT)
    for frame in (0, 15):
        row, column = np.nonzero(rendering.coverage[frame] == 0)
        pixels = rendering.frames[frame, row, column]
        shaded = (pixels == dark).all(axis=1)
        assert (shaded | (pixels == lit).all(axis=1)).all()
        points = ground_points(camera, row, column)
        pose = states.position[frame], states.quaternion[frame]
        near = np.linalg.norm(points[:2] - pose[0][:2, None], axis=0) < 0.8
        assert not shaded[~near].any()
        surely, at_most = (is_shaded(look, *pose, points[:, near], s) for s in (0.98, 1.02))
        assert surely.sum() > 30
        assert (surely <= shaded[near]).all()
        assert (shaded[near] <= at_most).all()


def test_the_edge_of_a_shadow_is_soft():
    scenario, states = slid("cylinder", contrast=1.0)
    rendering = drawn(NEAR, scenario, states)
    look = scenario.look
    lit = as_bytes(look.ground[0], AMBIENT + DIFFUSE * light_direction(look)[2])
    dark = as_bytes(look.ground[0], AMBIENT)
    bare = rendering.frames[0][rendering.coverage[0] == 0]
    assert ((bare >= dark) & (bare <= lit)).all()
    assert len(np.unique(bare, axis=0)) == NEAR.antialias**2 + 1
