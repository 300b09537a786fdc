"""The metrics find what was put in, know their signs, and say NA where there is nothing to say."""

import math

import numpy as np
import pytest

from hopeworld.evaluation import metrics

BLOCK, CONFIDENCE = 4, 0.95


def saturating(gain, half_life, clips, noise=0.0, seed=0):
    exposure = np.arange(1, clips + 1)
    wobble = noise * np.random.default_rng(seed).standard_normal(clips)
    return gain * (1 - 2.0 ** (-exposure / half_life)) + wobble


def test_skill_is_zero_for_persistence_and_one_for_the_truth():
    persistence = np.array([0.3, 0.5, 0.1])
    assert metrics.skill(persistence, persistence) == 0.0
    assert metrics.skill(np.zeros(3), persistence) == 1.0
    assert metrics.skill(2 * persistence, persistence) == -1.0


def test_skill_is_a_ratio_of_sums_not_a_mean_of_ratios():
    loss, persistence = np.array([0.1, 0.4]), np.array([0.1, 0.8])
    assert metrics.skill(loss, persistence) == pytest.approx(1 - 0.5 / 0.9)


def test_skill_drops_what_has_no_patches_and_keeps_what_diverged():
    loss, persistence = np.array([0.1, np.nan]), np.array([0.2, np.nan])
    assert metrics.skill(loss, persistence) == pytest.approx(0.5)
    assert metrics.skill(np.array([0.1, np.inf]), np.array([0.2, 0.2])) == -math.inf


def test_skill_is_na_without_motion():
    assert math.isnan(metrics.skill(np.zeros(2), np.zeros(2)))


def test_clip_mean_averages_what_counts():
    values = np.array([[1.0, 3.0], [np.nan, 2.0], [np.nan, np.nan], [np.inf, 1.0]])
    np.testing.assert_array_equal(metrics.clip_mean(values), [2.0, 2.0, np.nan, np.inf])


def test_domain_gap_is_positive_when_b_is_harder():
    assert metrics.domain_gap(0.4, 0.1) == pytest.approx(0.3)


@pytest.mark.parametrize("half_life", [0.5, 2.0, 8.0, 40.0])
@pytest.mark.parametrize("gain", [0.01, 0.5])
def test_fit_is_exact_without_noise(gain, half_life):
    found = metrics.fit_saturation(saturating(gain, half_life, 64))
    assert found == pytest.approx((gain, half_life), rel=1e-4)


def test_the_first_clip_of_b_has_exposure_one():
    shifted = saturating(0.03, 8.0, 64)[1:]
    assert metrics.fit_saturation(shifted)[1] != pytest.approx(8.0, rel=0.02)


def test_clips_without_patches_do_not_shift_the_exposure():
    gain = saturating(0.03, 8.0, 64)
    gain[[0, 5, 6, 30]] = np.nan
    assert metrics.fit_saturation(gain) == pytest.approx((0.03, 8.0), rel=1e-4)


def test_fit_of_almost_nothing_is_na():
    assert all(math.isnan(value) for value in metrics.fit_saturation(np.array([0.1, 0.2])))


@pytest.mark.parametrize("half_life", [5.0, 12.0, 30.0])
def test_half_life_survives_noise(half_life):
    found = [
        metrics.half_life(saturating(0.03, half_life, 200, 0.003, seed), BLOCK, CONFIDENCE)
        for seed in range(10)
    ]
    assert np.mean([f.clips for f in found]) == pytest.approx(half_life, rel=0.1)
    assert not any(f.censored for f in found)


def test_a_null_stream_has_no_half_life():
    found = [
        metrics.half_life(
            0.003 * np.random.default_rng(seed).standard_normal(64), BLOCK, CONFIDENCE
        )
        for seed in range(40)
    ]
    # A two-sided 95 % interval lets one null in forty pass.
    assert sum(not math.isnan(f.clips) for f in found) <= 3


@pytest.mark.parametrize("gain", [np.zeros(64), -saturating(0.03, 8.0, 64), np.full(64, -np.inf)])
def test_half_life_is_na_where_the_gain_is_not_positive(gain):
    found = metrics.half_life(gain, BLOCK, CONFIDENCE)
    assert math.isnan(found.clips)
    assert not found.censored


def test_half_life_longer_than_b_is_censored_at_its_length():
    found = metrics.half_life(saturating(0.03, 300.0, 64), BLOCK, CONFIDENCE)
    assert found == metrics.Duration(64.0, True)


def test_clips_to_gain_reads_the_isotonic_fit():
    gain = saturating(0.04, 10.0, 200)
    assert metrics.clips_to_gain(gain, 0.5, 0.04) == metrics.Duration(10.0, False)
    assert metrics.clips_to_gain(gain, 0.9, 0.04).clips == pytest.approx(34, abs=1)
    assert metrics.clips_to_gain(gain, 0.5, 1.0) == metrics.Duration(200.0, True)
    assert math.isnan(metrics.clips_to_gain(gain, 0.5, 0.0).clips)


def test_gain_is_positive_when_adapting_helped_and_late_gain_is_larger():
    gain = saturating(0.04, 10.0, 80)
    assert 0 < metrics.adaptation_gain(gain) < metrics.asymptotic_gain(gain, 0.25) < 0.04


def test_recovered_gap_is_one_when_b_has_become_as_easy_as_a():
    gain = np.concatenate([np.zeros(6), np.full(2, 0.1)])
    assert metrics.recovered_gap(gain, 0.2, 0.3, 0.25) == pytest.approx(1.0)
    assert metrics.recovered_gap(-gain, 0.2, 0.3, 0.25) == pytest.approx(-1.0)
    assert metrics.recovered_gap(gain, 0.2, 0.3, 0.5) == pytest.approx(0.5)
    assert math.isnan(metrics.recovered_gap(gain, 0.3, 0.3, 0.25))


def test_forgetting_is_positive_when_a_got_worse():
    assert metrics.forgetting(0.20, 0.23) == pytest.approx(0.03)
    assert metrics.forgetting_rate(0.20, 0.23, 0.30) == pytest.approx(0.3)
    assert metrics.forgetting_rate(0.20, 0.18, 0.30) == pytest.approx(-0.2)
    assert metrics.per_100_clips(0.3, 64) == pytest.approx(0.46875)


def test_forgetting_rate_is_na_without_skill_to_forget():
    assert math.isnan(metrics.forgetting_rate(0.30, 0.31, 0.30))
    assert math.isnan(metrics.per_100_clips(0.3, 0))


def test_stream_forgetting_averages_the_first_clips():
    assert metrics.stream_forgetting(np.array([0.2, 0.1, 0.0, 0.0]), 2) == pytest.approx(0.15)


def test_recovery_counts_the_clips_before_the_excess_stays_below():
    excess = 0.08 * 2.0 ** (-np.arange(40) / 5)
    assert metrics.recovery(excess, 0.01) == metrics.Duration(15.0, False)
    assert metrics.recovery(np.zeros(40), 0.01) == metrics.Duration(0.0, False)
    assert metrics.recovery(np.full(40, 0.02), 0.01) == metrics.Duration(40.0, True)
    assert metrics.recovery(np.full(40, np.inf), 0.01) == metrics.Duration(40.0, True)
    assert math.isnan(metrics.recovery(np.array([]), 0.01).clips)


def test_one_lucky_clip_is_no_recovery():
    excess = np.full(40, 0.05)
    excess[3], excess[20:] = -0.01, 0.0
    assert metrics.recovery(excess, 0.01) == metrics.Duration(20.0, False)


@pytest.mark.parametrize(("clips", "share", "count"), [(64, 0.25, 16), (10, 0.25, 3), (1, 0.25, 1)])
def test_last_part_rounds_up(clips, share, count):
    np.testing.assert_array_equal(
        metrics.last_part(np.arange(clips), share), np.arange(clips)[-count:]
    )


def test_final_and_anytime_losses_average_their_clips():
    assert metrics.final_loss(np.array([9.0, 9.0, 9.0, 1.0]), 0.25) == 1.0
    assert metrics.anytime_loss(np.array([1.0, 2.0]), np.array([6.0])) == 3.0


def test_rollout_curve_has_one_value_per_horizon():
    loss = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, np.nan]])
    np.testing.assert_array_equal(metrics.rollout_curve(loss), [2.0, 3.0, 3.0])
