"""The probe finds a planted leak of its size, and nothing where there is nothing."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from tests.synthetic_leakage import Truth, draw_clips, write_latents, write_tables

from hopeworld.probing import leakage
from hopeworld.probing.leakage import DISPLACEMENT, DOMAIN, START, Missed, Scoring
from hopeworld.probing.tables import write_csv

SCORING = Scoring(folds=5, confidence=0.95, draws=500)
CLIPS = draw_clips(120)


def measured(folder, truth, clips=CLIPS, scoring=SCORING):
    tables = write_tables(folder, clips)
    latents = write_latents(folder, clips, truth)
    found = leakage.measure(tables, {"clip": latents}, scoring)
    return found.set_index(["mode", "target", "t"]).sort_index()


@pytest.mark.parametrize(("strength", "t"), [(1.0, 1), (2.0, 1), (1.0, 2)])
def test_a_planted_displacement_is_found_with_its_size(strength, t, tmp_path):
    """Every latent says it again in fresh noise: R2 = t d^2 / (t d^2 + 1)."""
    row = measured(tmp_path, Truth(displacement=strength)).loc[("clip", DISPLACEMENT, t)]
    signal = t * strength**2
    assert row["value"] == pytest.approx(signal / (signal + 1), abs=0.12)
    assert 0 < row["low"] < row["value"] < row["high"] < 1


def test_a_planted_domain_is_found_with_its_size(tmp_path):
    row = measured(tmp_path, Truth(domain=1.0)).loc[("clip", DOMAIN, 1)]
    assert row["value"] == pytest.approx(NormalDist().cdf(1.0), abs=0.08)
    assert row["low"] > 0.5


def test_without_a_leak_the_intervals_hold_chance(tmp_path):
    found = measured(tmp_path, Truth())
    for t in (1, 2, 3):
        domain, displacement = (found.loc[("clip", n, t)] for n in (DOMAIN, DISPLACEMENT))
        assert domain["low"] <= 0.5 <= domain["high"]
        assert displacement["low"] <= 0.0
        assert displacement["value"] < 0.05
        assert domain["equal_pairs"] == 0


@pytest.mark.parametrize("count", [24, 41, 120])
def test_equal_pairs_are_at_chance_exactly(count, tmp_path):
    found = measured(tmp_path, Truth(shared=True), draw_clips(count))
    rows = found[found.index.get_level_values("target") == DOMAIN]
    assert rows["equal_pairs"].eq(1).all()
    assert rows[["value", "low", "high"]].eq(0.5).all(axis=None)


def test_a_pair_told_apart_by_a_bit_is_no_equal_pair(tmp_path):
    found = measured(tmp_path, Truth(shared=True, domain=0.05))
    assert found.loc[("clip", DOMAIN, 1), "equal_pairs"] < 0.1


def test_the_first_position_stands_beside_every_mode(tmp_path):
    clips = draw_clips(120)
    for columns in clips.values():
        place = columns["position"]
        place[:, -1, :2] = place[:, 0, :2] - 2.0 * place[:, 0, :2]
    found = measured(tmp_path, Truth(), clips)
    assert found.loc[(START, DISPLACEMENT, 1), "value"] > 0.999
    assert found.loc[(START, DOMAIN, 1), "value"] == 0.5


def test_only_clips_that_rest_so_long_are_used(tmp_path):
    found = measured(tmp_path, Truth())
    late = 2 * (CLIPS["A"]["onset"] == 5).sum()
    assert found.loc[("clip", DOMAIN)]["clips"].tolist() == [240, 240, late]
    assert found.loc[(START, DOMAIN)]["clips"].tolist() == [240, 240, late]


def test_an_episode_is_never_on_both_sides():
    """A code of the episode tells its displacement, but no other episode's."""
    draw = np.random.default_rng(0)
    episode = np.repeat(np.arange(30), 4)
    rows, wanted = draw.normal(size=(30, 20))[episode], draw.normal(size=(30, 2))[episode]
    predicted, mean = leakage.held_out(rows @ rows.T, wanted, episode, 5)
    assert np.square(wanted - predicted).sum() > 0.9 * np.square(wanted - mean).sum()
    predicted, mean = leakage.held_out(rows @ rows.T, wanted, np.arange(120), 5)
    assert np.square(wanted - predicted).sum() < 0.4 * np.square(wanted - mean).sum()


def test_nothing_of_a_held_out_clip_but_its_features_is_seen(monkeypatch):
    draw = np.random.default_rng(0)
    episode, rows = np.repeat(np.arange(10), 4), draw.normal(size=(40, 60))
    wanted = rows[:, :2] + draw.normal(size=(40, 2))
    seen = []
    solve = leakage.ridge.solve
    monkeypatch.setattr(
        leakage.ridge, "solve", lambda *given: (seen.append(set(given[2])), solve(*given))[1]
    )
    whole, mean = leakage.held_out(rows @ rows.T, wanted, episode, 5)
    assert seen == [set(range(10)) - {fold, fold + 5} for fold in range(5)]
    for fold in range(5):
        out = np.isin(episode, (fold, fold + 5))
        changed = np.where(out[:, None], 1e6, wanted)
        predicted, other = leakage.held_out(rows @ rows.T, changed, episode, 5)
        np.testing.assert_array_equal(predicted[out], whole[out])
        np.testing.assert_array_equal(other[out], mean[out])


def test_a_kernel_probe_is_ridge_regression_on_the_features(monkeypatch):
    monkeypatch.setattr(leakage, "RIDGES", (0.1,))
    draw = np.random.default_rng(0)
    rows, wanted = 3.0 + draw.normal(size=(12, 5)), draw.normal(size=(12, 2))
    episode = np.arange(12) // 3
    predicted, _ = leakage.held_out(rows @ rows.T, wanted, episode, 4)
    for one in range(4):
        kept = episode != one
        x, y = rows[kept] - rows[kept].mean(0), wanted[kept] - wanted[kept].mean(0)
        penalty = 0.1 * np.square(x).sum() / len(x) * np.eye(5)
        weight = np.linalg.solve(x.T @ x + penalty, x.T @ y)
        expected = (rows[~kept] - rows[kept].mean(0)) @ weight + wanted[kept].mean(0)
        np.testing.assert_allclose(predicted[~kept], expected, rtol=1e-9)


def test_the_interval_covers_the_score_of_the_population():
    """Half of each episode's clips are right on average; 40 episodes that agree within."""
    draw, inside = np.random.default_rng(0), 0
    for _ in range(100):
        wrong = np.repeat(draw.integers(0, 2, 40).astype(float), 4)
        share = leakage.interval(Missed(wrong, np.ones(160)), np.arange(160) // 4, SCORING)
        inside += share[1] <= 0.5 <= share[2]
    assert 88 <= inside <= 99


def test_the_same_settings_give_the_same_bytes(tmp_path):
    tables = write_tables(tmp_path, CLIPS)
    latents = write_latents(tmp_path, CLIPS, Truth(displacement=1.0))
    for name in ("one", "other"):
        found = leakage.measure(tables, {"clip": latents, "tubelet": latents}, SCORING)
        write_csv(found, tmp_path / f"{name}.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()
    modes = found.set_index("mode")
    assert modes.loc["clip"].equals(modes.loc["tubelet"].set_axis(["clip"] * 6))


@pytest.mark.parametrize(("clips", "is_known"), [(4, False), (8, False), (12, False), (16, True)])
def test_two_episodes_to_learn_from_are_needed(clips, is_known, tmp_path):
    found = measured(tmp_path, Truth(), draw_clips(clips), Scoring(2, 0.9, 100))
    known = found[["value", "low", "high"]].loc[:, :, 1].notna()
    assert known.eq(is_known).all(axis=None)
