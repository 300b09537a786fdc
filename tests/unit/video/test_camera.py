"""The camera, against PyBullet's matrices and against its own rays."""

import dataclasses

import numpy as np
import pybullet
import pytest
from tests.tiny_clips import CAMERA

from hopeworld.settings import SettingsError
from hopeworld.video.camera import project, sub_pixel_rays

POINTS = np.random.default_rng(0).uniform((-1, -1, 0), (1, 1, 0.5), (50, 3))


def test_projection_agrees_with_pybullet():
    view = pybullet.computeViewMatrix(CAMERA.eye_m, CAMERA.target_m, (0, 0, 1))
    lens = pybullet.computeProjectionMatrixFOV(CAMERA.field_of_view_deg, 1.0, 0.1, 20.0)
    view, lens = (np.reshape(m, (4, 4), order="F") for m in (view, lens))
    clip = np.column_stack([POINTS, np.ones(50)]) @ (lens @ view).T
    screen = clip[:, :2] / clip[:, 3:]
    expected = (1 + screen * [1, -1]) / 2 * CAMERA.image_px
    assert np.abs(project(POINTS, CAMERA) - expected).max() < 1e-4


def test_rays_go_through_their_pixels():
    rays = sub_pixel_rays(CAMERA)
    assert rays.shape == (3, 4, 64, 64)
    pixels = project(np.moveaxis(rays, 0, -1) * 2.5 + CAMERA.eye_m, CAMERA)
    assert np.allclose(pixels[0, 10, 20], (20.25, 10.25))
    assert np.allclose(pixels[1, 10, 20], (20.75, 10.25))
    assert np.allclose(pixels[2, 63, 0], (0.25, 63.75))


def test_the_target_is_the_centre():
    assert np.allclose(project(np.array(CAMERA.target_m), CAMERA), 32)


def test_points_behind_the_camera_have_no_pixel():
    assert np.isnan(project(np.array([0.0, -4.0, 6.0]), CAMERA)).all()


def test_a_vertical_view_is_refused():
    above = dataclasses.replace(CAMERA, eye_m=(0.0, 0.0, 3.0))
    with pytest.raises(SettingsError, match=r"camera\.target_m.*move it in x or y"):
        project(POINTS, above)
