"""What happens in a clip, in plain values: drawn from the seed alone, without a simulator.

Clip i of domain A and clip i of domain B share one scenario: they differ in physics only.
Hidden physics (friction, mass) belongs to the episode, everything else to the clip.
"""

from __future__ import annotations

import colorsys
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hopeworld.settings import SPLITS, Appearance, Camera, Domain, SettingsError, Simulation
from hopeworld.simulation.trajectory import sliding_distance
from hopeworld.video.camera import project

TRIES = 1000
MARGIN_PX = 2.0
FLAT_SHAPES = ("slab", "disc")
FLAT_SHARE = 0.5
ROUND_SHAPES = ("cylinder", "disc", "hexprism")

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Push:
    """Where the object rests, and the force that acts on it during [onset, onset + 1) frames."""

    start: tuple[float, float]
    yaw_rad: float
    force_n: tuple[float, float]
    onset: int


@dataclass(frozen=True)
class Look:
    """Shape, half extents in metres (round: radius, radius, half height), RGB colours in [0, 1]."""

    shape: str
    half_extents: tuple[float, float, float]
    colour: Colour
    ground: tuple[Colour, Colour]
    light_azimuth_rad: float


@dataclass(frozen=True)
class Scenario:
    """One clip before any domain: the drawn friction and mass (kg), its look and its push."""

    split: str
    index: int
    episode: int
    friction: float
    mass: float
    look: Look
    push: Push


def draw_scenario(
    simulation: Simulation, appearance: Appearance, camera: Camera, split: str, index: int
) -> Scenario:
    """Draw clip `index` of `split`: any worker, any order, same clip.

    Pushes are redrawn until the object stays in view in both domains by the sliding law;
    raises SettingsError when `TRIES` pushes in a row leave the view.
    """
    episode = index // simulation.episode_clips
    hidden = _generator(simulation, split, 0, episode)
    friction = float(hidden.uniform(*simulation.friction))
    mass = float(hidden.uniform(*simulation.mass_kg))
    draw = _generator(simulation, split, 1, index)
    look = _draw_look(appearance, split, draw)
    calm = Push((0.0, 0.0), 0.0, (0.0, 0.0), simulation.onset_frames[0])
    scenario = Scenario(split, index, episode, friction, mass, look, calm)
    for _ in range(TRIES):
        scenario = dataclasses.replace(scenario, push=draw_push(simulation, split, draw))
        if stays_in_view(scenario, simulation, camera):
            return scenario
    raise SettingsError(
        f"simulation.{_force_key(split)}",
        getattr(simulation, _force_key(split)),
        f"{TRIES} pushes of clip {index} of {split} in a row leave the view",
        "lower it or simulation.start_m, raise friction, or move camera.eye_m back",
    )


def draw_push(simulation: Simulation, split: str, draw: np.random.Generator) -> Push:
    """Draw one push, whether or not it stays in view."""
    force = draw.uniform(*getattr(simulation, _force_key(split)))
    heading = draw.uniform(0, 2 * math.pi)
    onset = int(draw.choice(simulation.onset_frames))
    start = draw.uniform(-simulation.start_m, simulation.start_m, 2)
    yaw = float(draw.uniform(-math.pi, math.pi))
    components = (float(force * math.cos(heading)), float(force * math.sin(heading)))
    return Push((float(start[0]), float(start[1])), yaw, components, onset)


def stays_in_view(scenario: Scenario, simulation: Simulation, camera: Camera) -> bool:
    """Whether the object, by the sliding law, is wholly in view all along in both domains."""
    start = np.array(scenario.push.start)
    domains = (simulation.domain_a, simulation.domain_b)
    centres = [start] + [start + _travel(scenario, simulation, domain) for domain in domains]
    corners = _corners(scenario)
    pixels = project(np.concatenate([corners + np.append(c, 0.0) for c in centres]), camera)
    return bool(((pixels > MARGIN_PX) & (pixels < camera.image_px - MARGIN_PX)).all())


def _generator(simulation: Simulation, split: str, kind: int, number: int) -> np.random.Generator:
    key = (SPLITS.index(split), kind, number)
    sequence = np.random.SeedSequence(simulation.seed, spawn_key=key)
    return np.random.Generator(np.random.PCG64(sequence))


def _force_key(split: str) -> str:
    return "out_of_range_force_n" if split == "out_of_range" else "force_n"


def _draw_look(appearance: Appearance, split: str, draw: np.random.Generator) -> Look:
    shapes = appearance.held_out_shapes if split == "held_out" else appearance.shapes
    shape = shapes[int(draw.integers(len(shapes)))]
    half_extents = _draw_half_extents(appearance, shape, draw)
    colour = _draw_values((appearance.hue, appearance.saturation, appearance.brightness), draw)
    hue, saturation, dark, contrast = _draw_values(
        (
            appearance.ground_hue,
            appearance.ground_saturation,
            appearance.ground_brightness,
            appearance.checker_contrast,
        ),
        draw,
    )
    tiles = (dark, min(1.0, dark * contrast))
    ground = tuple(colorsys.hsv_to_rgb(hue, saturation, value) for value in tiles)
    azimuth = float(draw.uniform(*appearance.light_azimuth_rad))
    return Look(shape, half_extents, colorsys.hsv_to_rgb(*colour), ground, azimuth)


def _draw_values(ranges: Sequence[tuple[float, float]], draw: np.random.Generator) -> list[float]:
    return [float(draw.uniform(*span)) for span in ranges]


def _draw_half_extents(
    appearance: Appearance, shape: str, draw: np.random.Generator
) -> tuple[float, float, float]:
    width = float(draw.uniform(*appearance.half_width_m))
    aspect = float(draw.uniform(*appearance.aspect))
    height = width * float(draw.uniform(*appearance.height_ratio))
    height *= FLAT_SHARE if shape in FLAT_SHAPES else 1.0
    if shape in ROUND_SHAPES:
        return (width, width, height)
    return (width * aspect, width / aspect, height)


def _travel(scenario: Scenario, simulation: Simulation, domain: Domain) -> np.ndarray:
    """Displacement [2] in metres at the last frame of the clip."""
    force = np.array(scenario.push.force_n)
    strength = math.hypot(*scenario.push.force_n)
    last_s = (simulation.frame_count - 1 - scenario.push.onset) / simulation.frame_hz
    mass, friction = scenario.mass * domain.mass_scale, scenario.friction * domain.friction_scale
    push_s = 1 / simulation.frame_hz
    return force / strength * sliding_distance(strength, mass, friction, push_s, last_s)


def _corners(scenario: Scenario) -> np.ndarray:
    """Corners [8, 3] in metres of the turned bounding box of the object, stood at the origin."""
    cos, sin = math.cos(scenario.push.yaw_rad), math.sin(scenario.push.yaw_rad)
    half_x, half_y, half_z = scenario.look.half_extents
    corners = [
        (x * cos - y * sin, x * sin + y * cos, z)
        for x in (-half_x, half_x)
        for y in (-half_y, half_y)
        for z in (0.0, 2 * half_z)
    ]
    return np.array(corners)
