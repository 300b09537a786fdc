"""Intervals, tests, margins and bootstraps: the values of textbooks, and promised coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from hopeworld.evaluation import statistics
from hopeworld.evaluation.statistics import interval

TEST = statistics.Test(confidence=0.95, alpha=0.05, endpoints=3)
LOOSE = statistics.Test(confidence=0.95, alpha=0.999, endpoints=1)


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


def test_bounds_are_one_sided():
    draws = np.random.default_rng(1).standard_normal((1000, 6))
    lower, upper = np.array([statistics.bounds(row, 0.95) for row in draws]).T
    assert np.mean(upper > 0) == pytest.approx(0.95, abs=0.02)
    assert np.mean(lower < 0) == pytest.approx(0.95, abs=0.02)
    expected = draws[0].mean() + stats.t.ppf(0.95, 5) * draws[0].std(ddof=1) / np.sqrt(6)
    assert upper[0] == pytest.approx(expected)


def test_p_value_is_that_of_the_paired_test():
    values = np.random.default_rng(2).normal(0.5, 1, 8)
    assert statistics.p_value(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert statistics.p_value(np.append(values, np.nan)) == statistics.p_value(values)
    assert statistics.p_value(-values) == pytest.approx(statistics.p_value(values))


def test_p_value_without_spread_or_interval():
    assert statistics.p_value(np.full(4, 0.25)) == 0.0
    assert statistics.p_value(np.zeros(4)) == 1.0
    assert math.isnan(statistics.p_value(np.array([0.1])))
    assert math.isnan(statistics.p_value(np.array([0.1, np.inf])))


def test_holm_steps_down():
    found = statistics.holm(np.array([0.04, 0.01, 0.03]))
    np.testing.assert_allclose(found, [0.06, 0.03, 0.06])
    np.testing.assert_allclose(statistics.holm(np.array([0.9, 0.8])), [1.0, 1.0])


def test_holm_counts_an_endpoint_without_a_value():
    found = statistics.holm(np.array([0.01, np.nan, 0.02]))
    np.testing.assert_allclose(found, [0.03, np.nan, 0.04])


def test_margin_is_a_quantile_of_the_differences_between_orders():
    assert statistics.placebo_margin([np.array([0.1, 0.4])], 0.975) == pytest.approx(0.3)
    runs = np.array([0.0, 0.1, 0.3])
    assert statistics.placebo_margin([runs], 0.5) == pytest.approx(0.2)
    assert statistics.placebo_margin([-runs], 0.975) == statistics.placebo_margin([runs], 0.975)


def test_a_difference_between_seeds_is_no_noise():
    runs = [np.array([0.0, 0.1]), np.array([7.0, 7.1])]
    assert statistics.placebo_margin(runs, 1.0) == pytest.approx(0.1)


def test_margin_needs_two_orders_of_a_seed_and_every_run():
    assert math.isnan(statistics.placebo_margin([np.array([0.1]), np.array([0.4])], 0.975))
    assert math.isnan(statistics.placebo_margin([np.array([0.1, np.nan, 0.2])], 0.975))
    assert statistics.placebo_margin([np.array([0.1, np.inf])], 0.975) == math.inf


def test_n_to_decide_is_where_the_bound_leaves_the_margin():
    values = np.array([-1.0, -3.0, -2.0, -4.0, 0.0])
    n = statistics.n_to_decide(values, 0.5, LOOSE)
    half = [stats.t.ppf(0.95, k - 1) * values.std(ddof=1) / np.sqrt(k) for k in (n - 1, n)]
    assert half[0] >= 2.0 - 0.5 > half[1]
    assert statistics.n_to_decide(-values, 0.5, LOOSE) == n
    assert statistics.n_to_decide(np.full(3, 1.0), 0.5, TEST) == 2


def test_n_to_decide_asks_for_significance_after_holm_too():
    values = np.array([-1.0, -3.0, -2.0, -4.0, 0.0])
    n = statistics.n_to_decide(values, 0.0, TEST)
    t = 2.0 * np.sqrt(n) / values.std(ddof=1)
    assert 3 * 2 * stats.t.sf(t, n - 1) < 0.05
    assert n > statistics.n_to_decide(values, 0.0, LOOSE)


@pytest.mark.parametrize("margin", [2.0, 1.9999, math.nan, math.inf])
def test_no_number_of_seeds_decides_within_the_margin(margin):
    assert statistics.n_to_decide(np.array([-1.0, -3.0, -2.0]), margin, TEST) is None


def autocorrelated(generator, clips, correlation):
    values = np.empty(clips)
    values[0] = generator.standard_normal()
    for k in range(1, clips):
        step = np.sqrt(1 - correlation**2) * generator.standard_normal()
        values[k] = correlation * values[k - 1] + step
    return values


def covered(block, streams, generator):
    found = [statistics.block_bootstrap(s, block, 200, 0.95, generator) for s in streams]
    return np.mean([i.low <= 0 <= i.high for i in found])


def test_blocks_cover_where_single_clips_do_not():
    generator = np.random.default_rng(3)
    streams = [autocorrelated(generator, 400, 0.6) for _ in range(150)]
    assert covered(1, streams, generator) < 0.8
    assert covered(25, streams, generator) > 0.84


def test_blocks_of_whole_streams_have_no_spread():
    values = np.array([1.0, 2.0, np.nan, 5.0])
    found = statistics.block_bootstrap(values, 4, 50, 0.95, np.random.default_rng(0))
    np.testing.assert_allclose([found.mean, found.low, found.high], 8 / 3)


def test_hierarchical_bootstrap_covers_the_mean_over_seeds():
    generator, seeds = np.random.default_rng(4), 20
    hits = []
    for _ in range(60):
        values = generator.standard_normal((seeds, 1)) + generator.standard_normal((seeds, 40))
        found = statistics.hierarchical_bootstrap(values, 4, 200, 0.95, generator)
        hits.append(found.low <= 0 <= found.high)
        assert found.n == seeds
    assert np.mean(hits) > 0.85


def test_seeds_and_not_clips_make_the_spread():
    values = np.repeat(np.array([[-1.0], [1.0]]), 100, axis=1)
    found = statistics.hierarchical_bootstrap(values, 4, 400, 0.95, np.random.default_rng(5))
    assert (found.low, found.mean, found.high) == (-1.0, 0.0, 1.0)


def test_the_same_generator_gives_the_same_interval():
    values = np.random.default_rng(6).standard_normal((3, 20))
    first, second = (
        statistics.hierarchical_bootstrap(values, 4, 100, 0.9, np.random.default_rng(7))
        for _ in range(2)
    )
    assert first == second


def test_a_stream_that_diverged_has_no_bootstrap_interval():
    values = np.array([[0.1, np.inf], [0.2, 0.3]])
    found = statistics.hierarchical_bootstrap(values, 1, 20, 0.95, np.random.default_rng(0))
    assert found.mean == math.inf
    assert math.isnan(found.low)
