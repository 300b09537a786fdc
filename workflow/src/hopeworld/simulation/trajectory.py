"""What a simulated clip was, and the law that it must obey.

A constant force F acts for T seconds on a mass m at rest on a plane with friction mu (Coulomb):
a = F/m - mu g, v = a T, resting distance = v T / 2 + v^2 / (2 mu g); no motion where a <= 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hopeworld.settings import TUBELET_FRAMES

GRAVITY = 9.81


@dataclass(frozen=True)
class Trajectory:
    """States of the object at the F frames of a clip; frame f is the state at f / frame_hz.

    position [F, 3] m, quaternion [F, 4] (x, y, z, w), velocity [F, 3] m/s, angular_velocity
    [F, 3] rad/s, force [F, 2] N during [f, f + 1) / frame_hz; friction and mass (kg) that acted.
    """

    position: np.ndarray
    quaternion: np.ndarray
    velocity: np.ndarray
    angular_velocity: np.ndarray
    force: np.ndarray
    friction: float
    mass: float


def actions_of(force: np.ndarray) -> np.ndarray:
    """Forces [..., F, 2] to actions [..., T, 2]: force[2t + 1] drives z_t to z_{t+1}."""
    return force[..., TUBELET_FRAMES - 1 :: TUBELET_FRAMES, :]


def sliding_distance(
    force_n: ArrayLike,
    mass_kg: ArrayLike,
    friction: ArrayLike,
    push_s: float,
    time_s: ArrayLike,
) -> np.ndarray:
    """Distance in metres slid `time_s` seconds after the start of a push of `push_s` seconds.

    Arguments broadcast; negative times count as zero. Source: Coulomb's law, see the module.
    """
    brake = np.multiply(friction, GRAVITY)
    gain = np.maximum(np.divide(force_n, mass_kg) - brake, 0)
    pushed = np.clip(time_s, 0, push_s)
    speed = gain * push_s
    free = np.clip(np.subtract(time_s, push_s), 0, speed / brake)
    return gain * pushed**2 / 2 + speed * free - brake * free**2 / 2


def resting_distance(
    force_n: ArrayLike, mass_kg: ArrayLike, friction: ArrayLike, push_s: float
) -> np.ndarray:
    """Distance in metres at which the object has come to rest."""
    return sliding_distance(force_n, mass_kg, friction, push_s, np.inf)
