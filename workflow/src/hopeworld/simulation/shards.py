"""One job: simulate and draw the clips of a shard, write their mp4s, then their table.

Killed at any moment and started again, it does all its clips again and ends with the same bytes:
a shard takes seconds, and nothing half-done can be mistaken for done.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hopeworld.files import exclusive, remove_unfinished
from hopeworld.progress import tracked
from hopeworld.settings import Appearance, Camera, Simulation
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import Scenario, draw_scenario
from hopeworld.simulation.table import digest, write_clip_table
from hopeworld.simulation.trajectory import Trajectory, actions_of
from hopeworld.video.camera import project
from hopeworld.video.clips import clip_path, write_clip
from hopeworld.video.renderer import Renderer, Rendering, patch_masks


@dataclass(frozen=True)
class ShardJob:
    """Which clips to make (indices in their split), how, and where table and mp4s go."""

    split: str
    domain: str
    clips: range
    simulation: Simulation
    appearance: Appearance
    camera: Camera
    table: Path
    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the clips depend on, as plain values."""
        names = ("simulation", "appearance", "camera")
        return {name: dataclasses.asdict(getattr(self, name)) for name in names}

    @property
    def config(self) -> str:
        """Hash of everything that decides the content of the shard."""
        identity = [self.settings, self.split, self.domain, self.clips.start, self.clips.stop]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def simulate_shard(job: ShardJob, log: TextIO) -> None:
    """Make all clips of the job; progress goes to `log`. The table is written last.

    Raises `InUse` while another process makes this shard, and `DiskFull`, naming the file.
    """
    with exclusive(job.table):
        _simulate(job, log)


def _simulate(job: ShardJob, log: TextIO) -> None:
    _remove_old(job)
    renderer = Renderer(job.camera, job.appearance.checker_m)
    with engine.connected() as client:
        name, clips = f"{job.split}_{job.domain} {job.table.stem}", job.clips
        indices = tracked(clips, name, len(clips), "clips", log)
        rows = [_make_clip(job, index, renderer, client) for index in indices]
    columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    attributes = {"config": job.config, "split": job.split, "domain": job.domain}
    attributes |= {"settings": job.settings, "versions": _versions()}
    write_clip_table(job.table, columns, attributes)


def _remove_old(job: ShardJob) -> None:
    """Remove what an earlier or killed run left: the table first, as it vouches for the clips."""
    job.table.unlink(missing_ok=True)
    job.folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(job.table)
    for leftover in job.folder.glob("[0-9]*.mp4"):
        leftover.unlink()


def _make_clip(job: ShardJob, index: int, renderer: Renderer, client: int) -> dict[str, Any]:
    scenario = draw_scenario(job.simulation, job.appearance, job.camera, job.split, index)
    domain = job.simulation.domain(job.domain)
    trajectory = engine.simulate(scenario, domain, job.simulation, client)
    rendering = renderer.draw(scenario, trajectory)
    write_clip(clip_path(job.folder, index), rendering.frames, job.simulation.frame_hz)
    pixel = project(trajectory.position, job.camera)
    return _describe(scenario, trajectory, rendering) | {"pixel": pixel}


def _describe(scenario: Scenario, trajectory: Trajectory, rendering: Rendering) -> dict[str, Any]:
    """The row of a clip in the table, without what depends on the camera."""
    states = ("position", "quaternion", "velocity", "angular_velocity")
    arrays = {name: getattr(trajectory, name) for name in states}
    mask_now, mask_next = patch_masks(rendering.coverage)
    return arrays | {
        "clip": scenario.index,
        "episode": scenario.episode,
        "force": trajectory.force,
        "action": actions_of(trajectory.force),
        "friction": trajectory.friction,
        "mass": trajectory.mass,
        "onset": scenario.push.onset,
        "half_extents": scenario.look.half_extents,
        "colour": scenario.look.colour,
        "mask_now": mask_now,
        "mask_next": mask_next,
        "shape": scenario.look.shape,
        "states_sha256": digest(*arrays.values()),
        "frames_sha256": digest(rendering.frames),
    }


def _versions() -> dict[str, str]:
    """Versions of what the bytes depend on."""
    packages = {name: metadata.version(name) for name in ("numpy", "av", "h5py")}
    return packages | {"pybullet": engine.version(), "python": platform.python_version()}
