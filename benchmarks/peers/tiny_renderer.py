"""PyBullet's own software renderer (TinyRenderer) on the clips of this project.

It has no anti-aliasing, and its shadows are off: with `shadow=1` the whole ground turns dark and
the object casts none. It looks at the corner of a pixel where `hopeworld.video.camera` looks at the
centre, so its lens is moved by half a pixel here.
"""

from __future__ import annotations

import math

import numpy as np
import pybullet

from hopeworld.settings import Camera
from hopeworld.simulation.scenario import Look
from hopeworld.simulation.trajectory import Trajectory
from hopeworld.video.renderer import light_direction

NEAR_M, FAR_M = 0.1, 20.0
CORNER_PX = 0.5
GROUND_M = 10.0
ROUND_SIDES = 360
SIDES = {"hexprism": 6, "cylinder": ROUND_SIDES, "disc": ROUND_SIDES}


class TinyRenderer:
    """Draws a look along a trajectory; `client` is a connected physics client, emptied first.

    Every ray of the ray-caster is a pixel here, so `camera.antialias` gives larger pictures.
    """

    def __init__(self, camera: Camera, look: Look, client: int, ground: bool = True):
        self._side = camera.image_px * camera.antialias
        self._view = pybullet.computeViewMatrix(camera.eye_m, camera.target_m, (0, 0, 1))
        self._lens = lens(camera.field_of_view_deg, self._side)
        self._light = light_direction(look).tolist()
        self._client = client
        pybullet.resetSimulation(physicsClientId=client)
        self._object = _add_body(_object_shape(look, client), client)
        if ground:
            _add_body(_ground_shape(look, client), client, (0.0, 0.0, -GROUND_M))

    def draw(self, position: np.ndarray, quaternion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Picture uint8 [H, W, 3] and the pixels bool [H, W] of the object at a pose."""
        pybullet.resetBasePositionAndOrientation(
            self._object, position.tolist(), quaternion.tolist(), physicsClientId=self._client
        )
        answer = pybullet.getCameraImage(
            self._side,
            self._side,
            self._view,
            self._lens,
            lightDirection=self._light,
            shadow=0,
            renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        colour, bodies = (np.reshape(answer[k], (self._side, self._side, -1)) for k in (2, 4))
        return colour[..., :3].astype(np.uint8), bodies[..., 0] == self._object

    def draw_clip(self, trajectory: Trajectory) -> np.ndarray:
        """Frames uint8 [F, H, W, 3] of a trajectory."""
        poses = zip(trajectory.position, trajectory.quaternion, strict=True)
        return np.stack([self.draw(*pose)[0] for pose in poses])


def lens(field_of_view_deg: float, side_px: int) -> list[float]:
    """Projection matrix, column by column, that puts pixel corners on the centres of pixels."""
    matrix = list(pybullet.computeProjectionMatrixFOV(field_of_view_deg, 1.0, NEAR_M, FAR_M))
    matrix[8] += 2 * CORNER_PX / side_px
    matrix[9] += 2 * CORNER_PX / side_px
    return matrix


def _add_body(shape: int, client: int, position: tuple[float, float, float] = (0, 0, 0)) -> int:
    return pybullet.createMultiBody(0, -1, shape, position, physicsClientId=client)


def _ground_shape(look: Look, client: int) -> int:
    return pybullet.createVisualShape(
        pybullet.GEOM_BOX,
        halfExtents=[GROUND_M] * 3,
        rgbaColor=(*look.ground[0], 1.0),
        physicsClientId=client,
    )


def _object_shape(look: Look, client: int) -> int:
    colour = (*look.colour, 1.0)
    if look.shape in SIDES:
        vertices, triangles = prism(SIDES[look.shape], look.half_extents[0], look.half_extents[2])
        return pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=vertices.tolist(),
            indices=triangles.ravel().tolist(),
            rgbaColor=colour,
            physicsClientId=client,
        )
    return pybullet.createVisualShape(
        pybullet.GEOM_BOX, halfExtents=look.half_extents, rgbaColor=colour, physicsClientId=client
    )


def prism(sides: int, radius: float, half_height: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 3] and triangles [N, 3], seen anticlockwise, of an upright regular prism.

    Bullet's own cylinders have few sides; this one is round to radius * (1 - cos(pi / sides)).
    """
    angles = 2 * math.pi / sides * np.arange(sides)
    ring = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    levels = [np.column_stack([ring, np.full(sides, z)]) for z in (-half_height, half_height)]
    here, there = np.arange(sides), (np.arange(sides) + 1) % sides
    lower = np.stack([here, there, there + sides], axis=1)
    upper = np.stack([here, there + sides, here + sides], axis=1)
    fan = np.stack([np.zeros(sides - 2, int), here[1:-1], here[2:]], axis=1)
    return np.concatenate(levels), np.concatenate([lower, upper, fan + sides, fan[:, ::-1]])
