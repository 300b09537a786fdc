"""The contract of the loop over a stream: what is scored, what changes, and when."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.small_models import small
from tests.small_streams import (
    METHODS,
    SETTINGS_OF_STREAMS,
    SmallClips,
    phases,
    play,
    predictor_of,
    stream_job,
)
from torch import nn

from hopeworld.adaptation.clips import StreamError, read_clips
from hopeworld.adaptation.learner import Learner
from hopeworld.adaptation.probes import Probes
from hopeworld.adaptation.protocol import Stream
from hopeworld.adaptation.records import COLUMNS
from hopeworld.models.objective import TRANSITIONS
from hopeworld.models.predictor import standardise
from hopeworld.probing.decoder import Decoder, Fit, save_decoder

EACH = pytest.mark.parametrize("name", sorted(METHODS))
LEARNING = sorted(n for n, m in METHODS.items() if m.adapt != "none" or m.look_back_rate)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The tables of the unchanged job of a method; run once for all tests."""
    folder = tmp_path_factory.mktemp("weights")
    return functools.cache(lambda name: play(folder, name))


def losses(tables: dict[str, pd.DataFrame]) -> np.ndarray:
    return tables["stream"].loss.to_numpy()


def stream_of(name: str, orders=(0,), **changes) -> Stream:
    method = METHODS[name]
    job = stream_job(name, Path(), orders=orders, **changes)
    return Stream(job, predictor_of(method.model), orders, Probes(job.probes, "cpu"))


@EACH
def test_the_same_run_gives_the_same_numbers(name, played, tmp_path):
    one, other = played(name), play(tmp_path, name)
    assert np.array_equal(losses(one), losses(other))
    assert np.array_equal(one["probes"].loss, other["probes"].loss)
    assert np.array_equal(one["memory"].value, other["memory"].value)


@pytest.mark.parametrize("adapt", ["layer_norm", "action_encoder", "force_scale", "all"])
def test_tta_with_learning_rate_zero_is_the_frozen_run_bit_for_bit(adapt, played, tmp_path):
    frozen = played("vit_frozen")
    idle = replace(METHODS["vit_tta"], adapt=adapt, learning_rate=0.0)
    run = play(tmp_path, "vit_tta", method=idle)
    assert np.array_equal(losses(frozen), losses(run))
    assert np.array_equal(frozen["probes"].loss, run["probes"].loss)


@pytest.mark.parametrize("name", LEARNING)
def test_learning_methods_leave_their_frozen_twin(name, played):
    assert not np.array_equal(losses(played(name)), losses(played(METHODS[name].twin)))


@EACH
def test_every_score_precedes_its_update(name, played, tmp_path):
    """The observed latent of the last transition cannot reach any score of its own clip."""
    clean, parts = played(name), phases(4, 4, 2)
    parts[0].data._latents[0, 7] *= -1.0
    corrupted = play(tmp_path, name, phases=parts)
    first = clean["stream"].query("k == 0 and kind == 'online' and t < 6").index
    assert np.array_equal(losses(clean)[first], losses(corrupted)[first])
    target = clean["stream"].query("k == 0 and kind == 'online' and t == 6").index
    assert not np.array_equal(losses(clean)[target], losses(corrupted)[target])
    later = clean["stream"].query("k == 1 and kind == 'online'").index
    forgets = name not in LEARNING or METHODS[name].reset == "per_clip"
    assert np.array_equal(losses(clean)[later], losses(corrupted)[later]) is forgets


@EACH
def test_a_corrupt_observation_leaves_its_prediction_unchanged(name):
    def predictions(sign: float) -> list[torch.Tensor]:
        learner = Learner(
            predictor_of(METHODS[name].model), METHODS[name], stream_job(name, Path()).settings
        )
        clips = read_clips(SmallClips(1, 1), [0], "cpu")
        found = []
        for t in range(4):
            inputs = clips.latents[:, t : t + 1], clips.actions[:, t : t + 1]
            found.append(learner.predict(*inputs))
            learner.learn(clips.latents[:, t + 1] * (sign if t == 2 else 1.0))
        return found

    clean, corrupted = predictions(1.0), predictions(-1.0)
    assert all(torch.equal(a, b) for a, b in zip(clean[:3], corrupted[:3], strict=True))
    assert torch.equal(clean[3], corrupted[3]) is (name not in LEARNING)


CHANGED = {
    "layer_norm": lambda predictor: {
        f"{name}.{part}"
        for name, module in predictor.named_modules()
        if isinstance(module, nn.LayerNorm)
        for part in ("weight", "bias")
    },
    "action_encoder": lambda predictor: {"action_encoder.weight", "action_encoder.bias"},
    "force_scale": lambda predictor: {"action_encoder.factor"},
    "all": lambda predictor: {name for name, _ in predictor.named_parameters()},
    "none": lambda predictor: set(),
}


@pytest.mark.parametrize("name", LEARNING)
def test_the_declared_tensors_change_and_no_others(name):
    stream = stream_of(name, method=replace(METHODS[name], reset="never"))
    predictor = stream.learner.predictor
    before = {key: value.clone() for key, value in predictor.state_dict().items()}
    stream.play_next(0)
    stream.play_next(1)
    after = predictor.state_dict()
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    assert changed == CHANGED[METHODS[name].adapt](predictor)
    assert set(stream.learner.adapted[0]) == changed


def test_layer_norm_adapts_two_numbers_per_channel_and_norm():
    learner = stream_of("vit_tta").learner
    assert learner.adapted_scalars == 2 * 48 * (2 * 2 + 1)
    assert stream_of("vit_force_scale").learner.adapted_scalars == 1
    assert stream_of("vit_action_tta").learner.adapted_scalars == 3 * 48


def test_hope_learns_in_its_state():
    stream = stream_of("hope")
    start = stream.learner.state
    stream.play_next(0)
    stream.play_next(1)
    state = stream.learner.state
    assert state.continuum.transitions == 2 * TRANSITIONS
    assert state.time == 0
    assert not torch.equal(state.mixers[0].memory, start.mixers[0].memory)
    assert not torch.equal(state.continuum.deltas[0], start.continuum.deltas[0])


@EACH
def test_probes_do_not_touch_the_stream(name, played, tmp_path):
    rarely = play(tmp_path, name, settings=replace(SETTINGS_OF_STREAMS, probe_every=1000))
    assert np.array_equal(losses(played(name)), losses(rarely))


@EACH
def test_a_probe_leaves_the_hash(name):
    stream = stream_of(name)
    stream.play_next(0)
    before = stream.learner.digest()
    stream.probe(1, "A1")
    assert stream.learner.digest() == before


def test_a_probe_that_learns_is_caught(monkeypatch):
    stream = stream_of("hope")
    stream.play_next(0)

    def learn(self, learner, tell):
        learner.reset()
        return [{}]

    monkeypatch.setattr(Probes, "score", learn)
    with pytest.raises(StreamError, match="the probe after clip 1 changed the stream"):
        stream.probe(1, "A1")


@EACH
def test_probe_points_are_the_start_every_nth_clip_and_the_end_of_each_phase(name, played):
    probes = played(name)["probes"]
    assert probes.k.unique().tolist() == [0, 2, 4, 6, 8, 10]
    assert probes.groupby("k").phase.first().tolist() == ["start", "A1", "A1", "B", "B", "A2"]
    moved = probes.query("domain == 'A' and region == 'object'").loss.nunique() > 1
    carries = METHODS[name].reset == "never" and name in LEARNING
    assert moved is carries


def test_probes_side_by_side_score_as_one_by_one(played, tmp_path, monkeypatch):
    monkeypatch.setattr("hopeworld.adaptation.probes.ROWS", {"cpu": 1})
    alone = play(tmp_path, "hope")["probes"].loss
    assert np.allclose(played("hope")["probes"].loss, alone, rtol=1e-5, atol=0)


def test_persistence_scores_copying(played):
    latents = standardise(torch.from_numpy(phases(4, 4, 2)[0].data.latents([0])))
    wanted = (latents[0, 3] - latents[0, 2]).abs().mean()
    rows = played("vit_frozen")["stream"]
    row = rows.query("k == 0 and t == 2 and kind == 'online' and region == 'all'")
    assert row.persistence.item() == pytest.approx(float(wanted), rel=1e-5)


def test_tables_have_the_columns_of_the_schema(played):
    tables = played("hope")
    assert {name: list(table.columns) for name, table in tables.items()} == COLUMNS
    memory = tables["memory"]
    titan, levels = {"memory", "k", "v", "eta", "alpha"}, {"cms_1", "cms_4", "cms_16"}
    assert set(memory.memory) == titan | levels | {"cms", "state"}
    whole = memory[memory.layer == -1].groupby("name").value
    assert set(whole.groups) == {"carry_benefit", "loss_before", "loss_after"}
    assert whole.mean()["loss_after"] < whole.mean()["loss_before"]
    assert np.isfinite(memory.value).all()
    assert set(tables["stream"].run) == {"main_hope_seed0_order0"}


def test_centres_are_decoded_along_every_clip(tmp_path):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(12, 20, 2, generator=generator)
    decoder = Decoder(weight, torch.tensor([0.5, -0.5]))
    save_decoder(tmp_path / "decoder", Fit(decoder, 1.0, 0.0, 1))
    tables = play(tmp_path, "hope", orders=(0, 3), decoder=tmp_path / "decoder")
    centres = tables["centres"]
    assert list(centres.columns) == COLUMNS["centres"]
    assert centres.groupby(["order", "k", "kind"]).t.apply(list).drop_duplicates().tolist() == [
        list(range(7)),
        list(range(1, 8)),
    ]
    data = phases(4, 4, 2)[0].data
    latents = standardise(torch.from_numpy(data.latents([1])))[0]
    rows = centres.query("order == 0 and k == 1 and kind == 'online'")
    assert np.allclose(rows[["decoded_x", "decoded_y"]], decoder(latents[1:]), atol=1e-4)
    assert np.allclose(rows[["true_x", "true_y"]], data.centre[1, 1:])
    assert np.allclose(rows[["start_x", "start_y"]], data.centre[1, :1])
    first = centres.query("t == 0 or (kind == 'rollout' and t == 1)").groupby(["order", "k"])
    assert np.allclose(first.predicted_x.max(), first.predicted_x.min(), atol=1e-5)


def test_gradient_clipping_is_logged_before_it_clips():
    settings = replace(stream_job("vit_tta", Path()).settings, clip_norm=1e-9)
    learner = Learner(small("vit_ac"), METHODS["vit_tta"], settings)
    learner.predict(torch.ones(1, 1, 12, 20), torch.zeros(1, 1, 2))
    (update,) = learner.learn(torch.zeros(1, 12, 20))
    assert update.clipped
    assert update.grad_norm > 1e-9


def test_a_collapsed_run_is_recorded_to_its_end(capsys, tmp_path):
    broken = replace(METHODS["vit_tta"], learning_rate=1e30)
    online = play(tmp_path, "vit_tta", method=broken)["stream"].query("kind == 'online'")
    assert online.loss.iloc[0] > 0
    assert online.query("k == 9").loss.isna().all()
    assert np.isfinite(online.persistence).all()
    assert capsys.readouterr().err.count("the prediction is not finite") == 1


def test_nan_features_stop_the_stream_with_the_clip_named(tmp_path):
    parts = phases(4, 4, 2)
    parts[0].data._latents[2, 0, 0, 0] = np.nan
    with pytest.raises(StreamError, match="clip 102 has NaN"):
        play(tmp_path, "vit_frozen", phases=parts)


def test_orders_permute_episodes_of_the_clips_that_a_phase_takes():
    job = stream_job("hope", Path())
    drawn, other = ([stop.positions[0] for stop in job.stops((order,))] for order in (0, 3))
    assert drawn == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert sorted(other) == sorted(drawn)
    assert other != drawn
    assert all(second == first + 1 for first, second in zip(other[::2], other[1::2], strict=True))
    pairs = zip(drawn, other, strict=True)
    assert [stop.positions for stop in job.stops((0, 3))] == [list(pair) for pair in pairs]


def test_phases_change_after_their_last_clip():
    job = stream_job("hope", Path(), phases=phases(4, 2, 2, 6))
    names = [stop.phase for stop in job.stops((0,))]
    assert names == ["A1"] * 4 + ["B"] * 2 + ["A2"] * 2 + ["B2"] * 6
