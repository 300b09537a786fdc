"""The ray-caster: windows, resting objects, masks, light, and what it refuses."""

import dataclasses
import math

import numpy as np
import pytest
from tests import drawn_clips
from tests.drawn_clips import CAMERAS, SHAPES, WIDE
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION

from hopeworld.settings import SettingsError
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import Look, draw_scenario
from hopeworld.video.renderer import Renderer, light_direction, patch_masks


def drawn(split, index, camera=CAMERA, appearance=APPEARANCE):
    scenario = draw_scenario(SIMULATION, appearance, camera, split, index)
    with engine.connected() as client:
        states = engine.simulate(scenario, SIMULATION.domain_b, SIMULATION, client)
    return scenario, states, Renderer(camera, APPEARANCE.checker_m).draw(scenario, states)


def test_only_object_and_shadow_differ_from_the_ground():
    scenario, _, rendering = drawn("train", 1, WIDE)
    resting = rendering.frames[0].astype(int)
    ground = np.median(rendering.frames, axis=0)
    darker = (resting.sum(axis=2) < ground.sum(axis=2) - 30) & (rendering.coverage[0] == 0)
    assert darker.any()
    rows, columns = np.nonzero(rendering.coverage[0])
    light = light_direction(scenario.look)
    shadow_rows, shadow_columns = np.nonzero(darker)
    assert (shadow_columns.mean() - columns.mean()) * light[0] < 0
    assert (shadow_rows.mean() - rows.mean()) * light[1] > 0
    assert (np.abs(resting - ground).sum(axis=2) > 12).mean() < 0.2


@pytest.mark.parametrize("azimuth", [0.5, 2.0, 3.5, 5.0])
def test_the_window_cuts_nothing_off(monkeypatch, azimuth):
    tall = dataclasses.replace(
        APPEARANCE, shapes=("box",), height_ratio=(1.5, 1.5), light_azimuth_rad=(azimuth, azimuth)
    )
    scenario, states, rendering = drawn("train", 3, appearance=tall)
    whole = (slice(0, 64), slice(0, 64))
    monkeypatch.setattr(Renderer, "_window", lambda *_: whole)
    full = Renderer(CAMERA, APPEARANCE.checker_m).draw(scenario, states)
    assert (full.frames == rendering.frames).all()
    assert (full.coverage == rendering.coverage).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CAMERAS)
def test_the_window_of_every_camera_is_large_enough(monkeypatch, name, shape):
    camera, clip = dataclasses.replace(CAMERAS[name], image_px=128), drawn_clips.slid(shape)
    rendering = drawn_clips.drawn(camera, *clip)
    whole = (slice(0, 128), slice(0, 128))
    monkeypatch.setattr(Renderer, "_window", lambda *_: whole)
    full = drawn_clips.drawn(camera, *clip)
    assert (full.frames == rendering.frames).all()
    assert (full.coverage == rendering.coverage).all()


def test_a_resting_object_is_drawn_once(monkeypatch):
    draw_window, drawn_poses = Renderer._draw_window, []

    def counted(self, look, pose, *rest):
        drawn_poses.append(tuple(pose))
        return draw_window(self, look, pose, *rest)

    monkeypatch.setattr(Renderer, "_draw_window", counted)
    scenario, _, rendering = drawn("train", 0)
    onset = scenario.push.onset
    assert (rendering.frames[: onset + 1] == rendering.frames[0]).all()
    assert (rendering.frames[onset + 1] != rendering.frames[0]).any()
    assert len(drawn_poses) == len(set(drawn_poses)) == 16 - onset


def test_coverage_counts_rays_and_follows_the_object():
    _, states, rendering = drawn("held_out", 0)
    assert rendering.coverage.max() == CAMERA.antialias**2
    assert {0, 1, 2, 3, 4} == set(np.unique(rendering.coverage))
    first, last = (np.argwhere(rendering.coverage[f]).mean(axis=0) for f in (0, 15))
    moved = states.position[15] - states.position[0]
    assert (last[1] - first[1]) * moved[0] > 0
    assert (last[0] - first[0]) * moved[1] < 0


def test_a_view_of_the_horizon_is_refused():
    level = dataclasses.replace(CAMERA, target_m=(0.0, 0.0, 2.7))
    with pytest.raises(SettingsError, match=r"field_of_view_deg.*shows the horizon"):
        Renderer(level, 0.4)


def test_light_is_a_unit_vector_from_its_azimuth():
    look = Look("box", (1, 1, 1), (0, 0, 0), ((0, 0, 0), (0, 0, 0)), math.pi / 2)
    light = light_direction(look)
    assert np.linalg.norm(light) == pytest.approx(1)
    assert light[0] == pytest.approx(0)
    assert light[1] > 0
    assert light[2] > 0


def test_patch_masks_see_one_ray_in_either_frame():
    coverage = np.zeros((16, 64, 64), np.uint8)
    coverage[5, 17, 47] = 1
    now, following = patch_masks(coverage)
    assert now.shape == following.shape == (8, 16)
    assert np.argwhere(now).tolist() == [[2, 6]]
    assert np.argwhere(following).tolist() == [[1, 6], [2, 6]]
    coverage[15, 0, 0] = 4
    assert np.argwhere(patch_masks(coverage)[1]).tolist() == [[1, 6], [2, 6], [6, 0], [7, 0]]
