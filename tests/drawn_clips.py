"""Clips of every shape to be drawn, the cameras that draw them, and what a solid contains."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from hopeworld.settings import Camera
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import Scenario, draw_scenario
from hopeworld.simulation.trajectory import Trajectory
from hopeworld.video.renderer import Renderer, Rendering
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION

# From there the light throws the shadow to where the cameras see it.
LEFT_BEHIND_RAD = 2.2
SHAPES = ("box", "slab", "cylinder", "disc", "hexprism")
WIDE = dataclasses.replace(CAMERA, image_px=256, antialias=3)
NEAR = dataclasses.replace(WIDE, eye_m=(0.5, -0.9, 1.3), field_of_view_deg=60.0)
# The object slides over the border of the image.
CUT = dataclasses.replace(NEAR, target_m=(0.3, 0.3, 0.0))
CAMERAS = {"wide": WIDE, "near": NEAR, "cut": CUT}


@functools.cache
def slid(shape: str, contrast: float = 1.2) -> tuple[Scenario, Trajectory]:
    """A clip of B that leaves no view of `WIDE`; contrast 1 leaves the ground without a pattern."""
    looks = dataclasses.replace(
        APPEARANCE,
        shapes=(shape,),
        checker_contrast=(contrast, contrast),
        light_azimuth_rad=(LEFT_BEHIND_RAD, LEFT_BEHIND_RAD),
    )
    scenario = draw_scenario(SIMULATION, looks, WIDE, "train", 3)
    with engine.connected() as client:
        return scenario, engine.simulate(scenario, SIMULATION.domain_b, SIMULATION, client)


def drawn(camera: Camera, scenario: Scenario, states: Trajectory) -> Rendering:
    """The clip as a new renderer draws it."""
    return Renderer(camera, APPEARANCE.checker_m).draw(scenario, states)


def contains(
    shape: str, half_extents: tuple[float, float, float], points: np.ndarray, slack: float
) -> np.ndarray:
    """Whether points [3, ...] in the object's frame lie in the solid; slack > 1 enlarges it."""
    x, y, z = np.abs(points)
    width, depth, height = (slack * half for half in half_extents)
    if shape in ("box", "slab"):
        return (x <= width) & (y <= depth) & (z <= height)
    if shape == "hexprism":
        inner = width * math.sqrt(3) / 2
        return (y <= inner) & (x * math.sqrt(3) / 2 + y / 2 <= inner) & (z <= height)
    return (x**2 + y**2 <= width**2) & (z <= height)
