"""Rays against solids: points on the surface, and every shape against a cloud of half-spaces."""

import math

import numpy as np
import pytest
from tests.drawn_clips import contains

from hopeworld.simulation.scenario import Look
from hopeworld.video.solid import cast, rotation, solid_of

HALF = {
    "box": (0.2, 0.15, 0.1),
    "slab": (0.2, 0.15, 0.05),
    "cylinder": (0.2, 0.2, 0.1),
    "disc": (0.2, 0.2, 0.05),
    "hexprism": (0.2, 0.2, 0.1),
}
UP = np.array([0.0, 0.0, 1.0])


def look(shape):
    return Look(shape, HALF[shape], (1, 0, 0), ((0, 0, 0), (1, 1, 1)), 0.0)


@pytest.mark.parametrize("shape", HALF)
def test_hits_agree_with_marching(shape):
    draw = np.random.default_rng(1)
    origin = np.array([0.7, -0.9, 1.1])
    aim = draw.uniform(-0.3, 0.3, (3, 400))
    direction = aim - origin[:, None]
    seen = cast(solid_of(look(shape)), origin, direction, UP).hit
    steps = np.linspace(0, 2, 4000)
    march = origin[:, None, None] + direction[..., None] * steps
    assert (seen >= contains(shape, HALF[shape], march, 0.995).any(axis=1)).all()
    assert (seen <= contains(shape, HALF[shape], march, 1.005).any(axis=1)).all()
    assert 0 < seen.mean() < 1


@pytest.mark.parametrize("shape", HALF)
def test_the_lit_face_is_the_one_that_is_hit(shape):
    solid = solid_of(look(shape))
    side = np.array([1.0, 0.0, 0.0])
    down = cast(solid, np.array([0.01, 0.02, 3.0]), np.array([0.0, 0.0, -1.0]), UP)
    assert down.hit
    assert down.cosine == 1
    edge_on = cast(solid, np.array([0.01, 0.02, 3.0]), np.array([0.0, 0.0, -1.0]), side)
    assert edge_on.cosine == 0
    turned = rotation(np.array([0, 0, math.sin(math.pi / 12), math.cos(math.pi / 12)]))
    face = turned @ side if shape == "hexprism" else side
    sideways = cast(solid, 3 * face, -face, face)
    assert sideways.hit
    assert sideways.cosine == pytest.approx(1)
    assert cast(solid, 3 * face, -face, -face).cosine == 0


def test_what_lies_behind_is_not_hit():
    solid = solid_of(look("box"))
    assert not cast(solid, np.array([0.0, 0.0, 3.0]), UP, UP).hit
    assert not cast(solid, np.array([3.0, 0.0, 0.0]), UP, UP).hit


def test_rotation_is_orthonormal_and_turns_about_z():
    quarter = rotation(np.array([0, 0, math.sin(math.pi / 4), math.cos(math.pi / 4)]))
    assert np.allclose(quarter @ (1, 0, 0), (0, 1, 0))
    tilted = rotation(np.array([0.1, 0.7, 0.3, 0.5]) / np.linalg.norm([0.1, 0.7, 0.3, 0.5]))
    assert np.allclose(tilted @ tilted.T, np.eye(3))
    assert np.linalg.det(tilted) == pytest.approx(1)
