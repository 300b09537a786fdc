"""Pinhole camera: world points (metres, z up) to pixels (right, down from the top left corner)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hopeworld.settings import Camera, SettingsError


@dataclass(frozen=True)
class Frame:
    """Orthonormal axes of the camera; `slope` is the tangent of half the field of view."""

    eye: np.ndarray
    right: np.ndarray
    up: np.ndarray
    forward: np.ndarray
    slope: float


def camera_frame(camera: Camera) -> Frame:
    """Axes of a camera that looks at its target with z up.

    Raises SettingsError where eye and target coincide or one is straight above the other.
    """
    eye = np.array(camera.eye_m)
    forward = np.array(camera.target_m) - eye
    right = np.cross(forward, (0.0, 0.0, 1.0))
    if not right.any():
        problem = f"right above or below eye_m = {camera.eye_m}"
        raise SettingsError("camera.target_m", camera.target_m, problem, "move it in x or y")
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    slope = math.tan(math.radians(camera.field_of_view_deg) / 2)
    return Frame(eye, right, np.cross(right, forward), forward, slope)


def project(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Project world points [..., 3] in metres to pixels [..., 2]; NaN behind the camera."""
    frame = camera_frame(camera)
    offset = np.asarray(points, dtype=np.float64) - frame.eye
    depth = offset @ frame.forward
    scale = 1 / (np.where(depth > 0, depth, np.nan) * frame.slope)
    right, down = (offset @ frame.right) * scale, -(offset @ frame.up) * scale
    return (1 + np.stack([right, down], axis=-1)) / 2 * camera.image_px


def sub_pixel_rays(camera: Camera) -> np.ndarray:
    """Directions [3, S, H, W] through the S = antialias^2 sub-pixel centres of every pixel.

    They are not normalised: the component along the camera's forward axis is 1.
    """
    frame = camera_frame(camera)
    share = (np.arange(camera.antialias) + 0.5) / camera.antialias
    grid = (np.arange(camera.image_px)[None, :] + share[:, None]) / camera.image_px
    across = (2 * grid - 1) * frame.slope
    size, rays = camera.image_px, camera.antialias**2
    right = np.broadcast_to(across[None, :, None, :], (camera.antialias,) * 2 + (size, size))
    up = np.broadcast_to(-across[:, None, :, None], (camera.antialias,) * 2 + (size, size))
    axes = zip(frame.right, frame.up, frame.forward, strict=True)
    return np.stack([(right * r + up * u + f).reshape(rays, size, size) for r, u, f in axes])
