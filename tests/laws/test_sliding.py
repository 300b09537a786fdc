"""Law: the simulated object slides as Coulomb's law says, whatever its shape and heading."""

import dataclasses
import math

import numpy as np
import pytest
from benchmarks.sizes import read_study
from tests.tiny_clips import APPEARANCE, CAMERA, SIMULATION

from hopeworld.simulation import engine
from hopeworld.simulation.scenario import Push, draw_scenario
from hopeworld.simulation.trajectory import GRAVITY, resting_distance, sliding_distance
from hopeworld.simulation.validity import sliding_errors

SHAPES = ("box", "slab", "cylinder", "disc", "hexprism")
PUSH_S = 1 / SIMULATION.frame_hz
THESIS = read_study("thesis")


@pytest.fixture(scope="module")
def client():
    with engine.connected() as number:
        yield number


def scenario(shape, index=0):
    appearance = dataclasses.replace(APPEARANCE, shapes=(shape,))
    return draw_scenario(SIMULATION, appearance, CAMERA, "train", index)


def displacement(clip, states):
    return states.position[:, :2] - np.array(clip.push.start)


@pytest.mark.parametrize("domain", ["domain_a", "domain_b"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_frame_obeys_coulomb(shape, domain, client):
    for index in range(3):
        clip = scenario(shape, index)
        states = engine.simulate(clip, getattr(SIMULATION, domain), SIMULATION, client)
        strength = math.hypot(*clip.push.force_n)
        time_s = (np.arange(16) - clip.push.onset) / SIMULATION.frame_hz
        law = sliding_distance(strength, states.mass, states.friction, PUSH_S, time_s)
        path = law[:, None] * np.array(clip.push.force_n) / strength
        rest = resting_distance(strength, states.mass, states.friction, PUSH_S)
        assert np.linalg.norm(displacement(clip, states) - path, axis=1).max() < 0.005 * rest


@pytest.mark.parametrize("domain", ["A", "B", *THESIS.simulation.severities])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_thesis_obeys_coulomb_at_every_severity(shape, domain, client):
    """At the thesis's own ranges, held-out shapes and out-of-range forces with them."""
    simulation = THESIS.simulation
    looks = dataclasses.replace(THESIS.appearance, shapes=(shape,))
    columns = {"position": [], "force": [], "mass": [], "friction": [], "onset": []}
    for split, index in (("train", 0), ("train", 1), ("out_of_range", 0)):
        clip = draw_scenario(simulation, looks, THESIS.camera, split, index)
        states = engine.simulate(clip, simulation.domain(domain), simulation, client)
        columns["onset"].append(clip.push.onset)
        for name in ("position", "force", "mass", "friction"):
            columns[name].append(getattr(states, name))
    table = {name: np.array(column) for name, column in columns.items()}
    errors = sliding_errors(table, simulation.frame_hz)
    assert errors["frame"].max() < 0.003
    assert not (errors["resting"] > 2e-4).any()


@pytest.mark.parametrize("heading", [0.0, 0.4, math.pi / 4, 2.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_resting_distance_does_not_depend_on_heading(shape, heading, client):
    clip = scenario(shape)
    force = (14 * math.cos(heading), 14 * math.sin(heading))
    clip = dataclasses.replace(clip, friction=0.25, mass=1.0, push=Push((0, 0), 0.3, force, 3))
    states = engine.simulate(clip, SIMULATION.domain_a, SIMULATION, client)
    expected = resting_distance(14.0, 1.0, 0.25, PUSH_S)
    end = displacement(clip, states)[-1]
    assert np.linalg.norm(end) == pytest.approx(float(expected), rel=2e-4)
    assert math.remainder(math.atan2(end[1], end[0]) - heading, math.tau) == pytest.approx(
        0, abs=1e-3
    )


@pytest.mark.parametrize(("share", "moves"), [(0.99, False), (1.01, True)])
def test_static_friction_has_a_sharp_threshold(share, moves, client):
    clip = scenario("box")
    strength = share * 0.4 * 1.0 * GRAVITY
    push = Push((0, 0), 0.3, (strength, 0.0), 3)
    clip = dataclasses.replace(clip, friction=0.4, mass=1.0, push=push)
    states = engine.simulate(clip, SIMULATION.domain_a, SIMULATION, client)
    slid = np.linalg.norm(displacement(clip, states)[-1])
    expected = resting_distance(strength, 1.0, 0.4, PUSH_S)
    assert (expected > 1e-4) == moves
    assert slid == pytest.approx(float(expected), abs=1e-5)


def test_without_the_inertia_lock_the_law_fails(client):
    free = dataclasses.replace(SIMULATION, inertia_scale=1.0)
    errors = []
    for index in range(6):
        clip = scenario("box", index)
        states = engine.simulate(clip, SIMULATION.domain_a, free, client)
        strength = math.hypot(*clip.push.force_n)
        expected = resting_distance(strength, states.mass, states.friction, PUSH_S)
        slid = np.linalg.norm(displacement(clip, states)[-1])
        errors.append(abs(slid / expected - 1))
    assert max(errors) > 0.01


def test_rotation_is_locked(client):
    clip = scenario("box", 2)
    states = engine.simulate(clip, SIMULATION.domain_b, SIMULATION, client)
    assert np.abs(states.quaternion - states.quaternion[0]).max() < 1e-3
