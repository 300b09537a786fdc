"""Ray-cast one object on a checkered plane: anti-aliased, with a true shadow and exact masks.

Every operation on pixels is element-wise in float64, so the same states give the same bytes.
The ground is analytic and cast once per renderer; per frame, only the window that object and
shadow can reach is cast again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hopeworld.settings import PATCH_PX, TUBELET_FRAMES, Camera, SettingsError
from hopeworld.simulation.scenario import Look, Scenario
from hopeworld.simulation.trajectory import Trajectory
from hopeworld.video.camera import camera_frame, project, sub_pixel_rays
from hopeworld.video.solid import cast, rotation, solid_of

AMBIENT, DIFFUSE = 0.55, 0.5
LIGHT_RISE = 2.0
POSE_DECIMALS = 6
PAD_PX = 2


@dataclass(frozen=True)
class Rendering:
    """Frames uint8 [F, H, W, 3], and how many of the antialias^2 rays of a pixel hit the object."""

    frames: np.ndarray
    coverage: np.ndarray


class Renderer:
    """Draws clips of one camera and one ground; holds what does not change between clips.

    Raises SettingsError where the camera sees beyond the horizon.
    """

    def __init__(self, camera: Camera, checker_m: float):
        self._camera = camera
        self._eye = camera_frame(camera).eye
        self._rays = sub_pixel_rays(camera)
        if (self._rays[2] >= 0).any():
            angle, remedy = camera.field_of_view_deg, "narrow it, or lower camera.target_m"
            raise SettingsError("camera.field_of_view_deg", angle, "shows the horizon", remedy)
        reach = -self._eye[2] / self._rays[2]
        self._ground = np.stack([self._eye[i] + reach * self._rays[i] for i in (0, 1)])
        tiles = np.floor(self._ground / checker_m)
        self._light_rays = ((tiles[0] + tiles[1]) % 2).sum(axis=0).astype(np.intp)

    def draw(self, scenario: Scenario, trajectory: Trajectory) -> Rendering:
        """Draw the frames of a trajectory; poses count to the micrometre."""
        palette = self._ground_palette(scenario.look)
        light = light_direction(scenario.look)
        background = _to_bytes(palette * _lit(light[2]))[self._light_rays]
        frames = np.repeat(background[None], len(trajectory.position), axis=0)
        coverage = np.zeros(frames.shape[:3], np.uint8)
        poses = np.round(np.hstack([trajectory.position, trajectory.quaternion]), POSE_DECIMALS)
        for frame, pose in enumerate(poses):
            if frame and np.array_equal(pose, poses[frame - 1]):
                frames[frame], coverage[frame] = frames[frame - 1], coverage[frame - 1]
                continue
            window = self._window(scenario.look, pose, light)
            ground = palette[self._light_rays[window]]
            colour, hits = self._draw_window(scenario.look, pose, window, ground)
            frames[frame][window], coverage[frame][window] = _to_bytes(colour), hits
        return Rendering(frames, coverage)

    def _ground_palette(self, look: Look) -> np.ndarray:
        """Colours [antialias^2 + 1, 3] of the ground by how many rays of a pixel hit light."""
        dark, light = (np.array(colour) for colour in look.ground)
        rays = self._rays.shape[1]
        return dark + np.arange(rays + 1)[:, None] / rays * (light - dark)

    def _window(self, look: Look, pose: np.ndarray, light: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns that the object at `pose` [7] or its shadow can touch."""
        signs = np.stack(np.meshgrid(*[(-1, 1)] * 3), axis=-1).reshape(8, 3)
        corners = pose[:3] + (signs * look.half_extents) @ rotation(pose[3:]).T
        shadow = corners - corners[:, 2:] / light[2] * light
        pixels = project(np.concatenate([corners, shadow]), self._camera)
        low = np.clip(np.floor(pixels.min(axis=0)) - PAD_PX, 0, self._camera.image_px).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0)) + PAD_PX, 0, self._camera.image_px).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])

    def _draw_window(
        self, look: Look, pose: np.ndarray, window: tuple[slice, slice], ground: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colour [h, w, 3] in [0, 1] and the number of rays [h, w] that hit the object."""
        to_object = rotation(pose[3:]).T
        light = light_direction(look)
        light_object = to_object @ light
        solid = solid_of(look)
        rays = _turn(to_object, self._rays[(slice(None), slice(None), *window)])
        seen = cast(solid, to_object @ (self._eye - pose[:3]), rays, light_object)
        x, y = (axis[(slice(None), *window)] for axis in self._ground)
        points = _turn(to_object, np.stack([x - pose[0], y - pose[1], np.full_like(x, -pose[2])]))
        dark = cast(solid, points, light_object, light_object).hit
        count = len(seen.hit)
        shade = np.where(seen.hit, AMBIENT + DIFFUSE * seen.cosine, 0).sum(axis=0) / count
        bright = np.where(seen.hit, 0, np.where(dark, AMBIENT, _lit(light[2]))).sum(axis=0) / count
        colour = shade[..., None] * look.colour + bright[..., None] * ground
        return colour, seen.hit.sum(axis=0, dtype=np.uint8)


def light_direction(look: Look) -> np.ndarray:
    """Unit vector [3] from the scene towards the light."""
    across = (math.cos(look.light_azimuth_rad), math.sin(look.light_azimuth_rad))
    return np.array([*across, LIGHT_RISE]) / math.hypot(*across, LIGHT_RISE)


def patch_masks(coverage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage [F, H, W] to mask_now and mask_next, bool [T, P].

    A patch is touched when any pixel of it has coverage in either frame of the tubelet;
    mask_next adds the following tubelet.
    """
    grid = coverage.shape[1] // PATCH_PX
    rows = coverage.reshape(-1, TUBELET_FRAMES, grid, PATCH_PX, grid * PATCH_PX).max(axis=(1, 3))
    now = rows.reshape(-1, grid * grid, PATCH_PX).any(axis=2)
    return now, now | np.vstack([now[1:], now[-1:]])


def _lit(rise: float) -> float:
    return AMBIENT + DIFFUSE * rise


def _turn(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Rotate vectors [3, ...] one element at a time: no BLAS, so no dependence on threads."""
    return np.stack(
        [row[0] * vectors[0] + row[1] * vectors[1] + row[2] * vectors[2] for row in matrix]
    )


def _to_bytes(colour: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(colour * 255 + 0.5), 0, 255).astype(np.uint8)
