"""The engine: at rest until the push, clean between clips, loud when it diverges."""

import dataclasses

import numpy as np
import pytest
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION

from hopeworld.settings import SettingsError
from hopeworld.simulation import engine
from hopeworld.simulation.scenario import draw_scenario


@pytest.fixture
def client():
    with engine.connected() as number:
        yield number


def scenario(index):
    return draw_scenario(SIMULATION, APPEARANCE, CAMERA, "train", index)


def test_rests_until_the_push_and_moves_along_it(client):
    clip = scenario(0)
    states = engine.simulate(clip, SIMULATION.domain_a, SIMULATION, client)
    n = clip.push.onset
    moved = states.position[:, :2] - clip.push.start
    assert np.abs(moved[: n + 1]).max() < 1e-5
    assert np.abs(states.velocity[: n + 1]).max() < 1e-4
    along = moved[n + 1 :] @ clip.push.force_n
    assert (along > 0).all()
    assert (np.diff(along) > -1e-4).all()
    assert (states.force[n] == clip.push.force_n).all()
    assert np.count_nonzero(states.force.any(axis=1)) == 1
    assert np.abs(np.linalg.norm(states.quaternion, axis=1) - 1).max() < 1e-9
    assert states.angular_velocity.shape == (16, 3)


def test_domains_scale_friction_and_mass(client):
    clip = scenario(0)
    states = engine.simulate(clip, SIMULATION.domain_b, SIMULATION, client)
    assert states.friction == pytest.approx(0.4 * clip.friction)
    assert states.mass == pytest.approx(0.8 * clip.mass)


def test_a_reused_client_is_a_fresh_client(client):
    coarse = dataclasses.replace(SIMULATION, step_hz=240, inertia_scale=1.0)
    engine.simulate(scenario(5), SIMULATION.domain_b, coarse, client)
    reused = engine.simulate(scenario(0), SIMULATION.domain_a, SIMULATION, client)
    with engine.connected() as other:
        fresh = engine.simulate(scenario(0), SIMULATION.domain_a, SIMULATION, other)
    assert (reused.position == fresh.position).all()
    assert (reused.velocity == fresh.velocity).all()


def test_divergence_is_an_error(client, monkeypatch):
    broken = ((np.nan, 0.0, 0.0), (0.0, 0.0, 0.0))
    monkeypatch.setattr(engine.pybullet, "getBaseVelocity", lambda *_, **__: broken)
    with pytest.raises(SettingsError, match=r"step_hz.*the physics of clip 1 of train diverged"):
        engine.simulate(scenario(1), SIMULATION.domain_a, SIMULATION, client)
