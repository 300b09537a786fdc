"""How far a state moved, and how far it came back."""

import math

import numpy as np
import pytest

from hopeworld.probing.geometry import drift, reversibility


def test_drift_is_relative_to_what_was_trained():
    trained = np.array([[3.0, 4.0]])
    assert drift(np.array([[3.0, 5.0]]), trained, trained) == pytest.approx(0.2)
    assert drift(np.array([3.0, 4.0]), np.zeros(2), np.zeros(2)) == 5.0
    assert drift(trained, trained, trained) == 0.0


def test_reversibility_is_one_when_a2_brings_the_state_back():
    a1, b = np.zeros(3), np.array([0.0, 2.0, 0.0])
    assert reversibility(a1, b, a1) == 1.0
    assert reversibility(a1, b, b) == 0.0
    assert reversibility(a1, b, 2 * b) == -1.0
    assert math.isnan(reversibility(a1, a1, b))
