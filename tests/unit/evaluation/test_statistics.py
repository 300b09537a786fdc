"""Intervals over seeds."""

import math

import numpy as np
import pytest

from hopeworld.evaluation.statistics import interval


def test_interval_is_students():
    found = interval(np.array([0.0, 1.0]), 0.95)
    assert found.mean == 0.5
    assert found.high - found.mean == pytest.approx(12.7062 * np.sqrt(0.5) / np.sqrt(2), rel=1e-4)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert found.n == 2


def test_one_seed_has_no_interval():
    found = interval(np.array([0.3]), 0.95)
    assert (found.mean, found.n) == (0.3, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_na_drops_out_and_divergence_does_not():
    found = interval(np.array([np.nan, 1.0, 3.0]), 0.95)
    assert (found.mean, found.n) == (2.0, 2)
    assert interval(np.array([np.inf, 1.0]), 0.95).mean == math.inf
    nothing = interval(np.array([np.nan]), 0.95)
    assert math.isnan(nothing.mean)
    assert nothing.n == 0


def test_interval_covers_what_it_promises():
    draws = np.random.default_rng(0).standard_normal((400, 6))
    found = [interval(row, 0.95) for row in draws]
    assert np.mean([i.low <= 0 <= i.high for i in found]) == pytest.approx(0.95, abs=0.025)
