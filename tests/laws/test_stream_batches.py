"""Streams side by side are streams one after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.small_streams import METHODS, SETTINGS_OF_STREAMS, play, predictor_of, stream_job

from hopeworld.adaptation.job import StreamJob
from hopeworld.adaptation.learner import Learner
from hopeworld.models.predictor import standardise

ORDERS = (0, 3, 4)
SAME = {"rtol": 1e-5, "atol": 1e-6}
BATCHED = sorted(set(METHODS) - {"vit_full"})


def learned(name: str, streams: int, latents: torch.Tensor, actions: torch.Tensor):
    """Predictions in float64 along some clips, the last ones after much learning."""
    predictor = predictor_of(METHODS[name].model).double()
    learner = Learner(predictor, METHODS[name], SETTINGS_OF_STREAMS, streams)
    found = []
    for clip in range(latents.shape[1]):
        for t in range(7):
            inputs = latents[:, clip, t : t + 1], actions[:, clip, t : t + 1]
            found.append(learner.predict(*inputs))
            learner.learn(latents[:, clip, t + 1])
        learner.end_clip()
    return torch.cat(found, 1), learner


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_of_streams_equals_single_ones(name):
    """In float64: in float32 the order of a sum differs, and Adam makes more of it in time."""
    generator = torch.Generator().manual_seed(0)
    latents = standardise(torch.randn(3, 3, 8, 12, 20, generator=generator).double())
    actions = torch.randn(3, 3, 8, 2, generator=generator).double()
    together, learner = learned(name, 3, latents, actions)
    for s in range(3):
        alone, single = learned(name, 1, latents[s : s + 1], actions[s : s + 1])
        # HOPE's look-back and Adam's first steps both divide by what may be small.
        assert torch.allclose(together[s : s + 1], alone, rtol=1e-7, atol=1e-9)
        for key, value in single.adapted[0].items():
            assert torch.allclose(learner.adapted[s][key], value, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["vit_tta", "hope"])
def test_the_first_clips_of_a_batch_are_those_of_single_streams_in_float32(name, tmp_path):
    together = play(tmp_path, name, orders=ORDERS)
    for order in ORDERS:
        alone = play(tmp_path, name, orders=(order,))
        for kind in ("stream", "memory", "probes"):
            batch = together[kind].query("order == @order and k < 1").reset_index(drop=True)
            single = alone[kind].query("k < 1")
            column = "value" if kind == "memory" else "loss"
            assert np.allclose(
                *(t[column].astype(float) for t in (batch, single)), equal_nan=True, **SAME
            )
            same = [name for name in batch if batch[name].dtype != float]
            assert batch[same].equals(single[same])


def test_a_stream_that_collapses_does_not_stop_the_others(tmp_path):
    """One stream's latents are huge where its action is: only it becomes NaN."""
    job = stream_job("vit_tta", Path(), orders=ORDERS)
    learner = Learner(predictor_of("vit_ac"), METHODS["vit_tta"], job.settings, 3)
    whole = Learner(predictor_of("vit_ac"), METHODS["vit_tta"], job.settings, 3)
    with torch.no_grad():
        next(iter(learner.adapted[1].values())).fill_(torch.nan)
    generator = torch.Generator().manual_seed(0)
    latents = standardise(torch.randn(3, 8, 12, 20, generator=generator))
    actions = torch.randn(3, 8, 2, generator=generator)
    for t in range(7):
        inputs = latents[:, t : t + 1], actions[:, t : t + 1]
        broken, sound = learner.predict(*inputs), whole.predict(*inputs)
        assert torch.isnan(broken[1]).all()
        assert torch.equal(broken[[0, 2]], sound[[0, 2]])
        updates = learner.learn(latents[:, t + 1]), whole.learn(latents[:, t + 1])
        assert np.isnan(updates[0][1].grad_norm)
        assert [updates[0][s] for s in (0, 2)] == [updates[1][s] for s in (0, 2)]


def test_a_collapsed_memory_keeps_what_the_others_learn():
    learner = Learner(predictor_of("hope"), METHODS["hope"], SETTINGS_OF_STREAMS, 2)
    spoilt = learner.state.mixers[0].memory.clone()
    spoilt[:, 1] = torch.nan
    first = replace(learner.state.mixers[0], memory=spoilt)
    learner.state = replace(learner.state, mixers=(first, *learner.state.mixers[1:]))
    latents = standardise(torch.randn(2, 2, 12, 20, generator=torch.Generator().manual_seed(0)))
    learner.predict(latents[:, :1], torch.ones(2, 1, 2))
    learner.learn(latents[:, 1])
    fast = learner.state.continuum.deltas[0]
    assert fast[:, 0].abs().sum() > 0
    assert (fast[:, 1] == 0).all()


def test_what_cannot_run_side_by_side_runs_one_after_the_other():
    def batches(name: str, **changes) -> list:
        method = replace(METHODS[name], **changes)
        job: StreamJob = stream_job(name, Path(), orders=ORDERS, method=method)
        return job.batches()

    assert batches("vit_tta") == batches("hope") == [ORDERS]
    assert batches("vit_full") == [(0,), (3,), (4,)]
    assert batches("hope", reset="on_recovery") == [(0,), (3,), (4,)]
    assert batches("vit_tta", reset="every") == [ORDERS]
    with pytest.raises(ValueError, match="one stream at a time"):
        Learner(predictor_of("vit_ac"), METHODS["vit_full"], SETTINGS_OF_STREAMS, 2)
