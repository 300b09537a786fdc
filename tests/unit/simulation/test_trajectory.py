"""The sliding law and the actions, without a simulator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopeworld.simulation.trajectory import (
    GRAVITY,
    actions_of,
    resting_distance,
    sliding_distance,
)

PUSH_S = 1 / 12


@settings(deadline=None)
@given(
    force=st.floats(0.1, 40.0),
    mass=st.floats(0.2, 3.0),
    friction=st.floats(0.02, 0.8),
    time_s=st.floats(0.0, 3.0),
)
def test_law_is_the_integral_of_the_forces(force, mass, friction, time_s):
    steps = 20000
    dt = time_s / steps
    t = (np.arange(steps) + 0.5) * dt
    brake = friction * GRAVITY
    gain = max(force / mass - brake, 0.0)
    speed = np.where(t < PUSH_S, gain * t, np.maximum(gain * PUSH_S - brake * (t - PUSH_S), 0.0))
    distance = sliding_distance(force, mass, friction, PUSH_S, time_s)
    assert distance == pytest.approx(speed.sum() * dt, rel=1e-6, abs=1e-6)


def test_resting_distance_has_the_closed_form():
    speed = (15.0 / 1.0 - 0.2 * GRAVITY) * PUSH_S
    expected = speed * PUSH_S / 2 + speed**2 / (2 * 0.2 * GRAVITY)
    assert resting_distance(15.0, 1.0, 0.2, PUSH_S) == pytest.approx(expected, rel=1e-12)


def test_a_push_weaker_than_friction_moves_nothing():
    assert sliding_distance(0.99 * 0.2 * GRAVITY, 1.0, 0.2, PUSH_S, 5.0) == 0.0
    assert sliding_distance(1.01 * 0.2 * GRAVITY, 1.0, 0.2, PUSH_S, 5.0) > 0.0


def test_nothing_moves_before_the_push():
    times = np.array([-1.0, -1e-9, 0.0])
    assert not sliding_distance(15.0, 1.0, 0.2, PUSH_S, times).any()


def test_actions_are_the_forces_between_tubelets():
    force = np.arange(32.0).reshape(16, 2)
    actions = actions_of(force)
    assert actions.shape == (8, 2)
    for t in range(8):
        assert (actions[t] == force[2 * t + 1]).all()
