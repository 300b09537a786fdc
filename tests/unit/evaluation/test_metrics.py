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


def transitions(rest, slow, fast, skill):
    """Loss and persistence of transitions at rest, slow and fast, at one skill where they move."""
    persistence = np.concatenate([np.zeros(rest), np.full(slow, 0.1), np.full(fast, 0.5)])
    return np.where(persistence > 0, (1 - skill) * persistence, 0.02), persistence


def test_matched_gap_compares_transitions_that_move_alike():
    a, b = transitions(50, 40, 10, skill=0.6), transitions(5, 10, 40, skill=0.5)
    plain = metrics.domain_gap(metrics.skill(*a), metrics.skill(*b))
    assert plain < 0
    assert metrics.domain_gap_matched(a, b, 2) == pytest.approx(0.1)
    assert metrics.domain_gap_matched(b, a, 2) == pytest.approx(-0.1)


def test_matched_gap_weights_bins_by_the_transitions_of_both():
    slow, fast = np.full(4, 0.1), np.full(4, 0.5)
    a = np.concatenate([0.5 * slow, 0.5 * fast[:1]]), np.concatenate([slow, fast[:1]])
    b = np.concatenate([0.6 * slow[:1], 0.8 * fast]), np.concatenate([slow[:1], fast])
    assert metrics.domain_gap_matched(a, b, 2) == pytest.approx((0.1 + 0.3) / 2)


def test_matched_gap_is_zero_without_a_shift():
    draw = np.random.default_rng(0)
    persistence = draw.uniform(0.05, 0.5, (2, 2000))
    loss = 0.4 * persistence + 0.02 * draw.standard_normal((2, 2000))
    found = metrics.domain_gap_matched(*zip(loss, persistence, strict=True), 10)
    assert found == pytest.approx(0, abs=0.01)


def test_matched_gap_is_na_where_nothing_moves_alike():
    rest = np.full(4, 0.02), np.zeros(4)
    slow, fast = transitions(0, 8, 0, 0.5), transitions(0, 0, 8, 0.5)
    absent = np.full(4, np.nan), np.full(4, np.nan)
    assert math.isnan(metrics.domain_gap_matched(rest, rest, 2))
    assert math.isnan(metrics.domain_gap_matched(slow, fast, 2))
    assert math.isnan(metrics.domain_gap_matched(slow, absent, 2))
    assert metrics.domain_gap_matched(slow, fast, 1) == pytest.approx(0)


def test_matched_gap_takes_transitions_in_any_shape():
    a, b = transitions(6, 8, 4, 0.6), transitions(2, 4, 12, 0.3)
    folded = [tuple(v.reshape(-1, 2) for v in phase) for phase in (a, b)]
    assert metrics.domain_gap_matched(*folded, 3) == metrics.domain_gap_matched(a, b, 3)


def test_oracle_and_net_gain_are_positive_when_there_is_something_to_learn():
    assert metrics.oracle_gain(np.array([0.3, 0.4]), np.array([0.2, np.nan])) == pytest.approx(0.1)
    assert metrics.net_gain(0.04, 0.01) == pytest.approx(0.03)
    assert math.isnan(metrics.net_gain(0.04, float("nan")))


def test_two_phases_share_no_clip():
    b, a2 = np.array([1.0, 1.0, 5.0]), np.array([9.0, 0.0, 0.0])
    assert metrics.stream_forgetting(a2, 1) == 9.0
    assert metrics.final_loss(b, 0.25) == 5.0
    assert metrics.savings(b, a2, 1) == 8.0


def test_savings_are_positive_when_b_is_relearnt_faster():
    first = saturating(0.04, 10.0, 40)
    again = saturating(0.04, 2.0, 20)
    assert metrics.savings(first, again, 10) > 0 > metrics.savings(again, first, 10)
    assert metrics.savings(first, first, 10) == 0
    assert math.isnan(metrics.savings(first, np.array([np.nan]), 10))


def test_a_collapse_must_last():
    frozen = np.full(60, 0.2)
    brief, lasting = frozen.copy(), frozen.copy()
    brief[10:13], lasting[10:30] = 0.3, 0.26
    assert not metrics.collapsed(frozen, frozen, 1.25, 20)
    assert not metrics.collapsed(brief, frozen, 1.25, 20)
    assert metrics.collapsed(lasting, frozen, 1.25, 20)
    assert not metrics.collapsed(lasting[:20], frozen[:20], 1.25, 20)


def test_a_loss_that_diverged_once_is_a_collapse():
    frozen = np.full(60, 0.2)
    assert metrics.collapsed(np.where(np.arange(60) == 59, np.inf, frozen), frozen, 1.25, 20)


def test_collapse_on_short_and_empty_streams():
    nothing = np.full(3, np.nan)
    assert metrics.collapsed(np.full(3, 0.3), np.full(3, 0.2), 1.25, 20)
    assert not metrics.collapsed(nothing, nothing, 1.25, 20)
    assert not metrics.collapsed(nothing[:0], nothing[:0], 1.25, 20)


def test_centre_errors_find_a_known_offset_along_any_way():
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    way = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    horizons = np.arange(1, 4)[:, None]
    start = 0.1 * way
    true = start[:, None] + 0.2 * horizons * way[:, None]
    sideways = np.stack([-way[:, 1], way[:, 0]], axis=-1)
    predicted = true - 0.03 * horizons * way[:, None] + 0.04 * horizons * sideways[:, None]
    np.testing.assert_allclose(metrics.centre_error(predicted, true), [0.05, 0.10, 0.15])
    signed = metrics.centre_overshoot(predicted, true, start)
    np.testing.assert_allclose(signed, [-0.03, -0.06, -0.09])
    np.testing.assert_array_equal(metrics.centre_error(true, true), np.zeros(3))


def test_an_object_at_rest_has_no_way_to_overshoot():
    true, start = np.zeros((2, 1, 2)), np.zeros((2, 2))
    predicted = np.full((2, 1, 2), 0.3)
    assert math.isnan(metrics.centre_overshoot(predicted, true, start)[0])
    true[1, 0] = [0.1, 0.0]
    assert metrics.centre_overshoot(predicted, true, start)[0] == pytest.approx(0.2)


def test_usefulness_is_positive_when_carrying_helps():
    carried = np.array([0.2, 0.3, np.inf])
    assert metrics.usefulness(np.array([0.3, 0.3, np.inf]), carried) == pytest.approx(0.05)
