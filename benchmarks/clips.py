"""Making clips: physics, drawing and mp4, beside PyBullet's own software renderer.

A repeat makes the same clips of B, as many as `CLIPS`, and its time is that of one. The whole clip
is the job of the workflow: it also starts PyBullet and the renderer, hashes and writes the table.
"""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.contestant import Contestant, Repeat, Setting
from benchmarks.peers.tiny_renderer import TinyRenderer
from hopeworld.settings import Study
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import Scenario, draw_scenario
from hopeworld.simulation.shards import ShardJob, simulate_shard
from hopeworld.simulation.trajectory import Trajectory
from hopeworld.video.clips import clip_path, write_clip
from hopeworld.video.renderer import Renderer

GROUP = "clips"
CLIPS = range(16)
SPLIT, DOMAIN = "train", "B"
TINY = "TinyRenderer, drawing alone"
# 12 clips a second and core are 83 ms a clip; TinyRenderer takes some 190 ms to draw one.
WHOLE_CLIP = 0.42


def contestants() -> list[Contestant]:
    """TinyRenderer without and with anti-aliasing; the stages of a clip, and all of them."""
    rows: list[tuple[str, Callable[[Setting], Repeat], float | None]] = [
        (TINY, draw_tiny, None),
        ("TinyRenderer, 2 x 2 rays per pixel", partial(draw_tiny, antialias=2), None),
        ("scenario and physics", simulate, None),
        ("drawing: ray-caster", draw, None),
        ("mp4", write, None),
        ("whole clip", make, WHOLE_CLIP),
    ]
    return [
        Contestant(GROUP, name, TINY, build, target, units=lambda size: len(CLIPS))
        for name, build, target in rows
    ]


def draw_tiny(setting: Setting, antialias: int = 1) -> Repeat:
    """The 16 frames of every clip by TinyRenderer, the mean of antialias^2 of its pixels each."""
    camera = replace(setting.size.study.camera, antialias=antialias)
    clips = _simulated(setting.size.study)

    def repeat() -> None:
        with engine.connected() as client:
            for scenario, trajectory in clips:
                frames = TinyRenderer(camera, scenario.look, client).draw_clip(trajectory)
                _reduced(frames, antialias)

    return repeat


def simulate(setting: Setting) -> Repeat:
    """Scenario and states of every clip."""

    def repeat() -> None:
        _simulated(setting.size.study)

    return repeat


def draw(setting: Setting) -> Repeat:
    """Frames and coverage of every clip by the ray-caster."""
    study = setting.size.study
    clips, renderer = _simulated(study), _renderer(study)

    def repeat() -> None:
        for clip in clips:
            renderer.draw(*clip)

    return repeat


def write(setting: Setting) -> Repeat:
    """The mp4 of every clip."""
    study = setting.size.study
    renderer = _renderer(study)
    drawn = [renderer.draw(*clip).frames for clip in _simulated(study)]

    def repeat() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for index, frames in zip(CLIPS, drawn, strict=True):
                write_clip(clip_path(folder, index), frames, study.simulation.frame_hz)

    return repeat


def make(setting: Setting) -> Repeat:
    """The job of the workflow for a shard of these clips."""
    study = setting.size.study
    sections = (study.simulation, study.appearance, study.camera)

    def repeat() -> None:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "00000.h5"
            job = ShardJob(SPLIT, DOMAIN, CLIPS, *sections, table, table.with_suffix(""))
            simulate_shard(job, io.StringIO())

    return repeat


def _simulated(study: Study) -> list[tuple[Scenario, Trajectory]]:
    """Draw and simulate the clips, with a client of their own."""
    domain = study.simulation.domain(DOMAIN)
    sections = (study.simulation, study.appearance, study.camera)
    with engine.connected() as client:
        scenarios = [draw_scenario(*sections, SPLIT, index) for index in CLIPS]
        return [(s, engine.simulate(s, domain, study.simulation, client)) for s in scenarios]


def _renderer(study: Study) -> Renderer:
    return Renderer(study.camera, study.appearance.checker_m)


def _reduced(frames: np.ndarray, rays: int) -> np.ndarray:
    """Frames [F, rays H, rays W, 3] to uint8 [F, H, W, 3], each the mean of rays^2 pixels."""
    parts = itertools.product(range(rays), repeat=2)
    total = sum(frames[:, i::rays, j::rays].astype(np.uint16) for i, j in parts)
    return (total // rays**2).astype(np.uint8)
