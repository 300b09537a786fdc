"""Rays against the convex solids of the study: boxes, upright cylinders and hexagonal prisms.

A solid is an intersection of slabs |n . p| <= c, and for round shapes of a cylinder
x^2 + y^2 <= r^2, in the frame of the object. Where the ray enters its last slab, it hits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hopeworld.simulation.scenario import Look

TINY = 1e-300


@dataclass(frozen=True)
class Solid:
    """Slabs: unit normals [K, 3], half widths [K] in metres; `radius` in metres, 0 if not round."""

    normals: np.ndarray
    half_widths: np.ndarray
    radius: float


@dataclass(frozen=True)
class Hits:
    """Per ray: whether it hits, and the cosine between the light and the face that it hits."""

    hit: np.ndarray
    cosine: np.ndarray


def solid_of(look: Look) -> Solid:
    """The solid of a look, in metres, centred at the origin."""
    half_x, half_y, half_z = look.half_extents
    if look.shape in ("box", "slab"):
        return Solid(np.eye(3), np.array([half_x, half_y, half_z]), 0.0)
    if look.shape == "hexprism":
        angles = math.pi / 6 + math.pi / 3 * np.arange(3)
        sides = np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
        inner = half_x * math.cos(math.pi / 6)
        return Solid(np.vstack([sides, np.eye(3)[2:]]), np.array([inner] * 3 + [half_z]), 0.0)
    return Solid(np.eye(3)[2:], np.array([half_z]), half_x)


def rotation(quaternion: np.ndarray) -> np.ndarray:
    """Rotation matrix [3, 3] of a unit quaternion (x, y, z, w): object to world."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def cast(solid: Solid, origin: np.ndarray, direction: np.ndarray, light: np.ndarray) -> Hits:
    """Cast rays origin + t direction, t > 0, both [3, ...] in the frame of the object.

    `light` [3] is the unit vector towards the light in the same frame. Origins are outside.
    """
    near, far, cosine = _cast_slab(solid.normals[0], solid.half_widths[0], origin, direction, light)
    rest = zip(solid.normals[1:], solid.half_widths[1:], strict=True)
    spans = [_cast_slab(normal, half, origin, direction, light) for normal, half in rest]
    if solid.radius:
        spans.append(_cast_cylinder(solid.radius, origin, direction, light))
    for enter, leave, slope in spans:
        cosine = np.where(enter > near, slope, cosine)
        near, far = np.maximum(near, enter), np.minimum(far, leave)
    return Hits((near < far) & (far > 0), np.maximum(cosine, 0))


def _cast_slab(
    normal: np.ndarray,
    half_width: float,
    origin: np.ndarray,
    direction: np.ndarray,
    light: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entry and exit of rays through |normal . p| <= half_width, and the cosine at the entry."""
    speed = _dot(normal, direction)
    inverse = 1 / np.where(speed == 0, TINY, speed)
    middle = -_dot(normal, origin) * inverse
    half = half_width * np.abs(inverse)
    facing = float(_dot(normal, light))
    return middle - half, middle + half, np.where(speed < 0, facing, -facing)


def _cast_cylinder(
    radius: float, origin: np.ndarray, direction: np.ndarray, light: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entry and exit of rays through x^2 + y^2 <= radius^2, and the cosine at the entry."""
    square = np.maximum(direction[0] ** 2 + direction[1] ** 2, TINY)
    middle = -(origin[0] * direction[0] + origin[1] * direction[1]) / square
    nearest = (origin[0] * direction[1] - origin[1] * direction[0]) ** 2 / square
    half = np.sqrt(np.maximum(radius**2 - nearest, 0) / square)
    enter = np.where(nearest < radius**2, middle - half, np.inf)
    x, y = origin[0] + (middle - half) * direction[0], origin[1] + (middle - half) * direction[1]
    return enter, middle + half, (x * light[0] + y * light[1]) / radius


def _dot(normal: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Scalar product that skips zeros: most normals are axes. Element-wise, so reproducible."""
    terms = [n * v for n, v in zip(normal, vector, strict=True) if n != 0]
    return sum(terms[1:], start=terms[0])
