"""Scores by region, against the same sums written plainly."""

import numpy as np
import pytest
import torch
from tests.tiny_training import TinyClips, TinyPredictor, tiny_predictor, tiny_training

from hopeworld.models.predictor import standardise
from hopeworld.schema import HISTORY, REGIONS
from hopeworld.training.episodes import survey
from hopeworld.training.validation import Tally, validate

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def episodes():
    """Three episodes whose masks differ from step to step, and from each other."""
    clips, draw = TinyClips(3, seed=1), np.random.default_rng(0)
    clips.mask_now = draw.random(clips.mask_now.shape) < 0.4
    clips.mask_next = draw.random(clips.mask_now.shape) < 0.4
    return survey(clips)


def scores_of(predictor, episodes, **changes):
    return validate(predictor, episodes, episodes.mean_map, tiny_training(**changes), CPU)


class Copy(TinyPredictor):
    """Persistence as a predictor."""

    def advance(self, state, features, actions, trace=None):
        return features, state


def test_tally_is_a_ratio_of_sums():
    tally = Tally()
    tally.add("e", torch.tensor([[[1.0, 5.0]]]), torch.tensor([[[True, False]]]))
    tally.add("e", torch.tensor([[[4.0, 6.0]]]), torch.tensor([[[True, True]]]))
    means = tally.means()
    assert means["e", "object"] == pytest.approx(11 / 3)
    assert means["e", "background"] == 5.0
    assert means["e", "all"] == 4.0


def test_region_without_tokens_is_nan():
    tally = Tally()
    tally.add("e", torch.ones(1, 1, 2), torch.zeros(1, 1, 2, dtype=torch.bool))
    assert np.isnan(tally.means()["e", "object"])


def test_copying_has_skill_zero_exactly(episodes):
    scores = scores_of(Copy(0), episodes)
    for skill in ("skill", "skill_zero_action", "skill_shuffled_action"):
        assert scores[skill, "object"] == 0.0


def test_persistence_and_mean_map_by_hand(episodes):
    clips = episodes.clips
    z = standardise(torch.from_numpy(clips.latents(np.arange(len(clips))))).double()
    objects = torch.from_numpy(clips.mask_next[:, :7])
    copied = (z[:, :7] - z[:, 1:]).abs().mean(-1)
    mean = (episodes.mean_map - z[:, 1:]).abs().mean(-1)
    scores = scores_of(TinyPredictor(0), episodes)
    for name, error in (("persistence", copied), ("mean_map", mean)):
        assert scores[name, "object"] == pytest.approx(error[objects].mean().item(), rel=1e-5)
        assert scores[name, "background"] == pytest.approx(
            error[~objects].mean().item(), rel=1e-5, abs=1e-9
        )
        assert scores[name, "all"] == pytest.approx(error.mean().item(), rel=1e-5)


@pytest.mark.parametrize("model", ["vit_ac", "hope", "tiny"])
def test_batching_episodes_does_not_change_scores(episodes, model):
    predictor = tiny_predictor(model)
    one, three = (scores_of(predictor, episodes, episodes_per_batch=b) for b in (1, 3))
    assert one == pytest.approx(three, rel=1e-4, abs=1e-5)


def test_state_is_carried_through_an_episode_and_forgotten_after_it(episodes):
    starts = []

    class Watched(TinyPredictor):
        def advance(self, state, features, actions, trace=None):
            starts.append((features.shape[1], bool(state.carried.any())))
            return super().advance(state, features, actions)

    scores_of(Watched(0), episodes, episodes_per_batch=3, rollout_steps=1)
    first_steps = [carried for steps, carried in starts if steps == 1]
    assert first_steps == [False] * 3 + [True] * 9


@pytest.mark.parametrize(("loss", "steps"), [("mean", 3), ("final", 3)])
def test_rollout_by_hand(episodes, loss, steps):
    predictor = tiny_predictor("vit_ac").eval()
    scores = scores_of(predictor, episodes, rollout_loss=loss, rollout_steps=steps)
    clips = episodes.clips
    z = standardise(torch.from_numpy(clips.latents(np.arange(len(clips)))))
    with torch.no_grad():
        rolled = predictor.rollout(
            predictor.initial(len(clips)), z[:, :1], torch.from_numpy(clips.action), steps
        )
    error = (rolled - z[:, 1 : steps + 1]).abs().mean(-1)
    now = torch.from_numpy(clips.mask_now.copy())
    counted = [steps] if loss == "final" else range(1, steps + 1)
    picked = torch.cat([error[:, h - 1][now[:, 0] | now[:, h]] for h in counted])
    assert scores["rollout", "object"] == pytest.approx(picked.mean().item(), rel=1e-4)


def test_actions_are_zeroed_and_exchanged(episodes):
    seen = []

    class Watched(TinyPredictor):
        def advance(self, state, features, actions, trace=None):
            seen.append(actions)
            return super().advance(state, features, actions)

    scores_of(Watched(0), episodes, episodes_per_batch=3, rollout_steps=1)
    true, zero, shuffled = (torch.cat(seen[k + 1 :: 6]) for k in (0, 2, 4))
    assert not zero.any()
    assert true.any(dim=(1, 2)).all()
    assert not (true == shuffled).all(dim=(1, 2)).any()
    assert sorted(map(str, true.tolist())) == sorted(map(str, shuffled.tolist()))


def test_validation_leaves_mode_and_weights_alone(episodes):
    predictor = tiny_predictor("hope").train()
    before = {name: t.clone() for name, t in predictor.state_dict().items()}
    first, second = scores_of(predictor, episodes), scores_of(predictor, episodes)
    assert first == second
    assert predictor.training
    assert all(torch.equal(before[n], t) for n, t in predictor.state_dict().items())


def test_names_are_those_of_the_schema(episodes):
    known = HISTORY["name"].split(", ")
    for name, region in scores_of(TinyPredictor(0), episodes):
        assert name in known
        assert region in REGIONS


def test_without_object_patches_there_is_no_skill():
    clips = TinyClips(2, seed=0)
    clips.mask_next = np.zeros_like(clips.mask_next)
    with pytest.raises(ValueError, match="object patches"):
        scores_of(TinyPredictor(0), survey(clips))
