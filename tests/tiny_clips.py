"""A small world: every shape, 64 pixels, two rays per pixel and axis."""

from __future__ import annotations

from pathlib import Path

from hopeworld.settings import Appearance, Camera, Domain, Simulation
from hopeworld.simulation.shards import ShardJob

SIMULATION = Simulation(
    seed=7,
    frame_count=16,
    frame_hz=12,
    step_hz=960,
    inertia_scale=1e4,
    episode_clips=4,
    friction=(0.15, 0.25),
    mass_kg=(0.8, 1.2),
    force_n=(12.0, 18.0),
    out_of_range_force_n=(18.0, 22.0),
    onset_frames=(3, 5, 7),
    start_m=0.15,
    domain_a=Domain(friction_scale=1.0, mass_scale=1.0),
    domain_b=Domain(friction_scale=0.4, mass_scale=0.8),
    severities={"friction": Domain(friction_scale=0.4, mass_scale=1.0)},
)
APPEARANCE = Appearance(
    shapes=("box", "slab", "cylinder", "disc"),
    held_out_shapes=("hexprism",),
    half_width_m=(0.15, 0.21),
    aspect=(0.85, 1.18),
    height_ratio=(0.5, 0.9),
    hue=(0.0, 1.0),
    saturation=(0.7, 1.0),
    brightness=(0.7, 1.0),
    ground_hue=(0.0, 1.0),
    ground_saturation=(0.05, 0.2),
    ground_brightness=(0.45, 0.75),
    checker_contrast=(1.12, 1.25),
    checker_m=0.4,
    light_azimuth_rad=(0.0, 6.283),
)
CAMERA = Camera(
    image_px=64,
    eye_m=(0.0, -1.7, 2.7),
    target_m=(0.0, 0.0, 0.0),
    field_of_view_deg=50.0,
    antialias=2,
)


def shard_job(folder: Path, split: str, domain: str, clips: range) -> ShardJob:
    """A job whose files lie where the workflow puts them."""
    table = folder / "clips" / f"{split}_{domain}" / "00000.h5"
    sections = (SIMULATION, APPEARANCE, CAMERA)
    return ShardJob(split, domain, clips, *sections, table, table.with_suffix(""))
