"""The classifier of changes: chance on equal domains, everything on separated ones."""

from __future__ import annotations

import numpy as np
import pytest

from hopeworld.probing import separability

EPISODES = np.tile(np.repeat(np.arange(10), 4), 2)
IS_B = np.repeat([False, True], 40)


def test_identical_domains_are_at_chance_exactly():
    features = np.tile(np.random.default_rng(0).normal(size=(40, 64)), (2, 1))
    assert separability.accuracy(features, IS_B, EPISODES) == 0.5


def test_domains_of_one_distribution_are_near_chance():
    draw = np.random.default_rng(0)
    shares = [separability.accuracy(draw.normal(size=(80, 64)), IS_B, EPISODES) for _ in range(20)]
    assert 0.45 < np.mean(shares) < 0.55


def test_separated_domains_are_told_apart_under_any_episode():
    features = np.random.default_rng(0).normal(size=(80, 64))
    features += 20 * np.random.default_rng(1).normal(size=(10, 64))[EPISODES]
    features[IS_B, :8] += 60.0
    assert separability.accuracy(features, IS_B, EPISODES) == 1.0


def test_an_episode_never_tells_its_own_domain():
    """Features that know the episode and, in it, the domain, but nothing of other episodes."""
    draw = np.random.default_rng(0)
    own = draw.normal(size=(10, 64))[EPISODES] * np.where(IS_B, 1.0, -1.0)[:, None]
    shares = separability.accuracy(own, IS_B, EPISODES)
    assert abs(shares - 0.5) < 0.3
    assert separability.accuracy(own, IS_B, np.arange(80)) == 1.0


def test_a_part_that_never_changes_is_at_chance():
    assert separability.accuracy(np.zeros((80, 64)), IS_B, EPISODES) == 0.5


def test_a_diverged_change_has_no_accuracy():
    features = np.random.default_rng(0).normal(size=(80, 64))
    features[3] = np.nan
    assert np.isnan(separability.accuracy(features, IS_B, EPISODES))
    assert np.isnan(separability.wilson(np.nan, 10, 0.95)).all()


def test_one_episode_leaves_none_to_learn_from():
    assert np.isnan(separability.accuracy(np.zeros((80, 2)), IS_B, np.zeros(80)))


def test_a_sketch_keeps_inner_products_on_average():
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(2, 20000))
    other += one
    kept = separability.sketch(one) @ separability.sketch(other)
    assert kept == pytest.approx(one @ other, rel=0.5)
    assert np.allclose(
        separability.sketch(one) + separability.sketch(other), separability.sketch(one + other)
    )
    assert separability.sketch(one).shape == (separability.WIDTH,)


def test_the_wilson_interval_is_that_of_the_textbook():
    low, high = separability.wilson(0.8, 10, 0.95)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert separability.wilson(1.0, 6, 0.95)[1] == pytest.approx(1.0)
