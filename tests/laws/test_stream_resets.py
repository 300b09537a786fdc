"""Resets come when the policy says, restore everything, and a delay learns from the past."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.small_streams import (
    METHODS,
    SETTINGS_OF_STREAMS,
    SmallClips,
    phases,
    play,
    predictor_of,
    stream_job,
)

from hopeworld.adaptation.clips import read_clips
from hopeworld.adaptation.learner import Learner
from hopeworld.adaptation.probes import Probes
from hopeworld.adaptation.protocol import Stream
from hopeworld.adaptation.resets import Resets

LEARNING = sorted(n for n, m in METHODS.items() if m.adapt != "none" or m.look_back_rate)
FOUR_PHASES = phases(4, 2, 4, 2)


def fresh(name: str, **changes) -> Learner:
    settings = replace(SETTINGS_OF_STREAMS, **changes)
    return Learner(predictor_of(METHODS[name].model), METHODS[name], settings)


def learn_clip(learner: Learner, seed: int = 1) -> list:
    clips = read_clips(SmallClips(1, seed), [0], "cpu")
    updates = []
    for t in range(7):
        learner.predict(clips.latents[:, t : t + 1], clips.actions[:, t : t + 1])
        updates += learner.learn(clips.latents[:, t + 1])
    learner.end_clip()
    return updates


def resets_of(name: str, reset: str, orders=(0,), **changes) -> list[tuple[int, str]]:
    """Clips at which a run resets, each with what it was: before or after the clip."""
    method = replace(METHODS[name], reset=reset)
    job = stream_job(name, Path(), method=method, phases=FOUR_PHASES, orders=orders, **changes)
    stream = Stream(job, predictor_of(method.model), orders, Probes({}, "cpu"))
    seen, play_clip, reset_all = [], stream.play, stream.learner.reset
    stream.play = lambda k, *rest: (seen.append((k, "clip")), play_clip(k, *rest))[1]
    stream.learner.reset = lambda *s: (seen.append((k, "reset")), reset_all(*s))[1]
    for k in range(len(stream.stops)):
        stream.play_next(k)
    order = dict.fromkeys(seen)
    places = list(order)
    return [
        (k, "before" if places.index((k, "reset")) < places.index((k, "clip")) else "after")
        for k, what in places
        if what == "reset"
    ]


@pytest.mark.parametrize("name", LEARNING)
def test_a_reset_restores_everything(name):
    learner = fresh(name)
    before = learner.digest()
    learn_clip(learner)
    torch.rand(1)
    assert learner.digest() != before
    learner.reset()
    assert learner.digest() == before


def test_a_learner_after_a_reset_learns_as_a_new_one():
    used, new = fresh("hope_tta"), fresh("hope_tta")
    learn_clip(used, 1)
    used.reset()
    assert learn_clip(used, 2) == learn_clip(new, 2)
    assert used.digest() == new.digest()


def test_a_reset_of_one_stream_leaves_the_others():
    learner = Learner(predictor_of("vit_ac"), METHODS["vit_tta"], SETTINGS_OF_STREAMS, 2)
    clips = read_clips(SmallClips(2, 1), [0, 1], "cpu")
    learner.predict(clips.latents[:, :1], clips.actions[:, :1])
    learner.learn(clips.latents[:, 1])
    learner.end_clip()
    kept = {name: value.clone() for name, value in learner.adapted[0].items()}
    learner.reset([1])
    drifts = learner.drift()
    assert drifts[0] > 0
    assert drifts[1] == 0
    assert all(torch.equal(kept[name], value) for name, value in learner.adapted[0].items())
    assert learner.optimisers[0].state
    assert not learner.optimisers[1].state


@pytest.mark.parametrize("name", ["vit_tta", "hope"])
def test_every_policy_resets_at_its_clips(name):
    resets = functools.partial(resets_of, name)
    assert resets("never") == []
    assert resets("per_clip") == [(k, "after") for k in range(12)]
    assert resets("every") == [(2, "after"), (5, "after"), (8, "after"), (11, "after")]
    assert resets("at_change") == [(4, "before"), (6, "before"), (10, "before")]


def test_after_a_change_the_oracle_is_the_frozen_model(tmp_path):
    method = replace(METHODS["vit_tta"], reset="at_change")
    reset = play(tmp_path, "vit_tta", method=method, phases=FOUR_PHASES)
    frozen = play(tmp_path, "vit_frozen", phases=FOUR_PHASES)
    same = reset["stream"].loss.to_numpy() == frozen["stream"].loss.to_numpy()
    first = reset["stream"].kind.eq("online") & reset["stream"].t.eq(0)
    before_learning = reset["stream"][same & first].k.unique().tolist()
    assert before_learning == [0, 4, 6, 10]
    probed = reset["probes"].query("domain == 'A' and region == 'all'").set_index("k").loss
    known = frozen["probes"].query("domain == 'A' and region == 'all'").set_index("k").loss
    assert (probed != known).loc[[4, 6, 10]].all()


def test_every_clip_is_per_clip(tmp_path):
    often = replace(SETTINGS_OF_STREAMS, reset_every=1)
    every = replace(METHODS["hope_tta"], reset="every")
    per_clip = replace(METHODS["hope_tta"], reset="per_clip")
    one = play(tmp_path, "hope_tta", method=every, settings=often)
    other = play(tmp_path, "hope_tta", method=per_clip)
    for kind in ("stream", "probes"):
        assert (
            one[kind]
            .drop(columns="time_ms", errors="ignore")
            .equals(other[kind].drop(columns="time_ms", errors="ignore"))
        )


def test_recovery_follows_the_running_ratio_to_the_frozen_model():
    settings = replace(SETTINGS_OF_STREAMS, recovery_ratio=1.2, recovery_memory=0.5)
    method = replace(METHODS["vit_tta"], reset="on_recovery")
    clips = read_clips(SmallClips(2, 1), [0, 1], "cpu")
    resets = Resets(predictor_of("vit_ac"), method, settings, 2)
    frozen = resets._frozen_losses(clips)
    ratios = torch.tensor([1.3, 1.0]).double()
    assert resets.after(0, clips, ratios * frozen) == []
    assert resets.ratios == pytest.approx([1.15, 1.0])
    assert resets.after(1, clips, ratios * frozen) == [0]
    assert resets.ratios == pytest.approx([1.0, 1.0])
    assert resets.after(2, clips, torch.tensor([1.0, torch.nan]).double() * frozen) == [1]


def test_the_frozen_model_of_a_recovery_never_learns():
    settings = replace(SETTINGS_OF_STREAMS, recovery_ratio=1e9)
    method = replace(METHODS["hope_tta"], reset="on_recovery")
    job = stream_job("hope_tta", Path(), method=method, settings=settings)
    stream = Stream(job, predictor_of("hope"), (0,), Probes({}, "cpu"))
    clips = read_clips(SmallClips(1, 1), [0], "cpu")
    before = stream.resets._frozen_losses(clips)
    stream.play_next(0)
    assert torch.equal(stream.resets._frozen_losses(clips), before)


def test_recovery_brings_a_collapsed_stream_back(tmp_path):
    broken = replace(METHODS["vit_tta"], learning_rate=1e30, reset="on_recovery")
    online = play(tmp_path, "vit_tta", method=broken)["stream"].query("kind == 'online'")
    assert np.isfinite(online.query("t == 0").loss).all()
    assert online.query("t == 6").loss.isna().all()


@pytest.mark.parametrize("name", ["vit_tta", "hope", "hope_tta"])
def test_a_delay_shifts_the_lessons(name):
    """With one clip of t + d transitions as many are learnt from as of t without a delay."""
    for delay in (0, 1, 3, 6, 7, 9):
        learner = fresh(name, delay_steps=delay)
        before = {key: value.clone() for key, value in learner.adapted[0].items()}
        updates = learn_clip(learner)
        lessons = max(0, 7 - delay)
        if METHODS[name].adapt != "none":
            assert sum(np.isfinite(update.grad_norm) for update in updates) == lessons
            assert all(np.isnan(update.grad_norm) for update in updates[:delay])
            moved = any(not torch.equal(before[k], v) for k, v in learner.adapted[0].items())
            assert moved is (lessons > 0)
        if METHODS[name].look_back_rate:
            assert learner.state.continuum.transitions == lessons


def test_a_delay_beyond_the_clip_is_the_frozen_model(tmp_path):
    late = replace(SETTINGS_OF_STREAMS, delay_steps=7)
    idle = play(tmp_path, "vit_tta", settings=late)["stream"].loss
    assert idle.equals(play(tmp_path, "vit_frozen")["stream"].loss)


@pytest.mark.parametrize("name", ["vit_tta", "hope"])
def test_a_delayed_lesson_is_that_of_its_transition_with_what_is_known_now(name):
    """The first lesson of d = 1, at t = 1, is that of t = 0 without a delay."""
    prompt, late = fresh(name), fresh(name, delay_steps=1)
    clips = read_clips(SmallClips(1, 1), [0], "cpu")
    for learner, steps in ((prompt, 1), (late, 2)):
        for t in range(steps):
            learner.predict(clips.latents[:, t : t + 1], clips.actions[:, t : t + 1])
            learner.learn(clips.latents[:, t + 1])
    for key, value in prompt.adapted[0].items():
        assert torch.equal(value, late.adapted[0][key])
    if name == "hope":
        pairs = zip(prompt.state.continuum.deltas, late.state.continuum.deltas, strict=True)
        assert all(torch.equal(*pair) for pair in pairs)
        assert late.state.time == 2


def test_what_is_pending_is_dropped_at_the_end_of_a_clip():
    learner = fresh("vit_tta", delay_steps=6)
    learn_clip(learner, 1)
    clips = read_clips(SmallClips(1, 2), [0], "cpu")
    learner.predict(clips.latents[:, :1], clips.actions[:, :1])
    assert np.isnan(learner.learn(clips.latents[:, 1])[0].grad_norm)
