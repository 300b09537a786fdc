"""Order of the clips, and what is read of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny_training import TinyClips

from hopeworld.models.predictor import standardise
from hopeworld.training.episodes import (
    clip_order,
    derangement,
    draw_episodes,
    group_episodes,
    read_ahead,
    read_clips,
    survey,
)

CPU = torch.device("cpu")


def test_episodes_are_grouped_with_clips_in_order():
    index = group_episodes(np.array([7, 3, 7, 3]), np.array([9, 1, 8, 0]))
    assert index.tolist() == [[3, 1], [2, 0]]


def test_cut_episode_is_refused():
    with pytest.raises(ValueError, match=r"episode 3 has 1 clips.*every shard"):
        group_episodes(np.array([7, 7, 3]), np.arange(3))


def test_empty_split_is_refused():
    with pytest.raises(ValueError, match="no clips"):
        group_episodes(np.array([], int), np.array([], int))


@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 5))
def test_an_epoch_shows_no_episode_twice(seed, extra, size, epoch):
    episodes = size + extra
    per_epoch = episodes // size
    first = epoch * per_epoch
    drawn = [draw_episodes(seed, first + b, episodes, size) for b in range(per_epoch)]
    shown = np.concatenate(drawn)
    assert len(shown) == per_epoch * size
    assert len(set(shown.tolist())) == len(shown)
    assert set(shown.tolist()) <= set(range(episodes))


def test_epochs_and_seeds_differ():
    def epoch(seed, number):
        return draw_episodes(seed, number, 40, 40).tolist()

    assert epoch(0, 0) != epoch(0, 1)
    assert epoch(0, 0) != epoch(1, 0)
    assert epoch(0, 0) == epoch(0, 0)


def test_more_episodes_than_there_are_is_refused():
    with pytest.raises(ValueError, match="episodes_per_batch = 5"):
        draw_episodes(0, 0, 4, 5)


def test_steps_walk_through_the_clips_of_a_batch_in_order():
    index = np.arange(24).reshape(6, 4)
    order = np.stack(list(clip_order(0, 1, 8, index, 2)))
    for batch in (order[:4], order[4:]):
        assert (batch % 4 == np.arange(4)[:, None]).all()
        assert (batch // 4 == batch[0] // 4).all()


def test_order_from_a_later_step_is_the_tail_of_the_order():
    index = np.arange(24).reshape(6, 4)
    whole = list(clip_order(3, 1, 20, index, 2))
    tail = list(clip_order(3, 9, 20, index, 2))
    assert np.array_equal(whole[8:], tail)


@given(st.integers(2, 300))
def test_derangement_is_a_permutation_without_fixed_point(count):
    order = derangement(count)
    assert sorted(order.tolist()) == list(range(count))
    assert (order != np.arange(count)).all()


def test_one_clip_cannot_be_deranged():
    with pytest.raises(ValueError, match="1 validation clip"):
        derangement(1)


def test_survey_averages_standardised_latents():
    clips = TinyClips(5, seed=0)
    latents = standardise(torch.from_numpy(clips.latents(np.arange(20))))
    torch.testing.assert_close(survey(clips).mean_map, latents.mean(dim=(0, 1)))


@pytest.mark.parametrize("change", ["latent", "action", "mask_now", "episode", "origin"])
def test_digest_sees_every_change(change):
    before, clips = survey(TinyClips(2, seed=0)).digest, TinyClips(2, seed=0)
    if change == "latent":
        clips._latents[1, 2, 3, 4] += 1e-3
    elif change == "action":
        clips.action[0, 0, 0] += 1e-3
    elif change == "mask_now":
        clips.mask_now = ~clips.mask_now
    elif change == "episode":
        clips.episode = clips.episode + 1
    else:
        clips.origin = clips.origin | {"mode": "clip"}
    assert survey(clips).digest != before
    assert survey(TinyClips(2, seed=0)).digest == before


def test_reading_ahead_gives_the_same_batches():
    clips = TinyClips(3, seed=0)
    order = [np.array([0, 4]), np.array([9, 2]), np.array([3, 3])]
    ahead = list(read_ahead(clips, order, CPU))
    assert len(ahead) == len(order)
    for indices, batch in zip(order, ahead, strict=True):
        single = read_clips(clips, indices, CPU)
        assert all(torch.equal(a, b) for a, b in zip(*map(_tensors, (single, batch)), strict=True))
        assert torch.equal(batch.actions, torch.from_numpy(clips.action[indices]))


def test_reading_ahead_of_nothing_is_nothing():
    assert list(read_ahead(TinyClips(1, seed=0), [], CPU)) == []


def _tensors(batch):
    return batch.latents, batch.actions, batch.mask_now, batch.mask_next
