"""The contract of the A-B-A loop: what is scored, what changes, and when."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tests.small_models import small
from tests.small_streams import METHODS, SmallClips, stream_job
from torch import nn

from hopeworld.adaptation.adapter import Adapter
from hopeworld.adaptation.protocol import (
    Stream,
    StreamError,
    read_clip,
    run_stream,
    stream_clips,
)
from hopeworld.adaptation.records import Place
from hopeworld.models.state import digest
from hopeworld.schema import MEMORY, PROBES, STREAM

ALL = pytest.mark.parametrize("name", sorted(METHODS))


@pytest.fixture(autouse=True)
def _small_predictors(monkeypatch):
    """Weights come from a seed instead of a file: loading files has tests of its own."""
    monkeypatch.setattr(
        "hopeworld.adaptation.protocol.load_predictor",
        lambda path, device: (small(str(path)), None),
    )


def play(name: str, **changes) -> dict[str, pd.DataFrame]:
    records = run_stream(stream_job(name, METHODS[name].model, **changes))
    return {kind: pd.DataFrame(getattr(records, kind)) for kind in ("stream", "probes", "memory")}


@functools.cache
def played(name: str) -> dict[str, pd.DataFrame]:
    """The tables of the unchanged job; run once for all tests."""
    return play(name)


def losses(tables: dict[str, pd.DataFrame]) -> np.ndarray:
    return tables["stream"].loss.to_numpy()


@ALL
def test_the_same_run_gives_the_same_numbers(name):
    one, other = played(name), play(name)
    assert np.array_equal(losses(one), losses(other))
    assert np.array_equal(one["probes"].loss, other["probes"].loss)


def test_tta_with_learning_rate_zero_is_the_frozen_run_bit_for_bit():
    frozen = played("vit_frozen")
    idle = play("vit_tta", method=replace(METHODS["vit_tta"], learning_rate=0.0))
    assert np.array_equal(losses(frozen), losses(idle))
    assert np.array_equal(frozen["probes"].loss, idle["probes"].loss)


@pytest.mark.parametrize("name", ["vit_tta", "hope"])
def test_learning_methods_leave_their_frozen_twin(name):
    twin = played(f"{METHODS[name].model.removesuffix('_ac')}_frozen")
    assert not np.array_equal(losses(played(name)), losses(twin))


@ALL
def test_every_score_precedes_its_update(name):
    """The observed latent of the last transition cannot reach any score of its own clip."""
    clean, job = played(name), stream_job(name, METHODS[name].model)
    a1 = SmallClips(4, 1)
    a1._latents[0, 7] *= -1.0
    corrupted = play(name, phases=(("A1", a1), *job.phases[1:]))
    first = clean["stream"].query("k == 0 and kind == 'online' and t < 6").index
    assert np.array_equal(losses(clean)[first], losses(corrupted)[first])
    target = clean["stream"].query("k == 0 and kind == 'online' and t == 6").index
    assert not np.array_equal(losses(clean)[target], losses(corrupted)[target])
    later = clean["stream"].query("k == 1 and kind == 'online'").index
    forgets = name.endswith("frozen")
    assert np.array_equal(losses(clean)[later], losses(corrupted)[later]) is forgets


def test_tta_changes_layer_norms_and_nothing_else():
    predictor = small("vit_ac")
    before = {name: value.clone() for name, value in predictor.state_dict().items()}
    stream = Stream(stream_job("vit_tta", "vit_ac"), predictor)
    count = sum(parameter.numel() for parameter in stream.adapter.parameters)
    assert count == 2 * 48 * (2 * 2 + 1)
    run_on(stream)
    norms = {
        f"{name}.{part}"
        for name, module in predictor.named_modules()
        if isinstance(module, nn.LayerNorm)
        for part in ("weight", "bias")
    }
    changed = {
        n for n, value in predictor.state_dict().items() if not torch.equal(value, before[n])
    }
    assert changed == norms


def test_hope_changes_no_parameter_but_its_state():
    predictor = small("hope")
    before = digest((), predictor)
    stream = Stream(stream_job("hope", "hope"), predictor)
    start = stream.state
    run_on(stream)
    assert digest((), predictor) == before
    assert stream.state.continuum.transitions == 14
    assert not torch.equal(stream.state.mixers[0].memory, start.mixers[0].memory)
    assert not torch.equal(stream.state.continuum.deltas[0], start.continuum.deltas[0])


def run_on(stream: Stream) -> None:
    for k, (phase, data, index) in enumerate(list(stream_clips(stream.job))[:2]):
        stream.play(Place(k, phase, int(data.clip[index])), read_clip(data, index, "cpu"))


@ALL
def test_probes_do_not_touch_the_stream(name):
    often = played(name)
    job = stream_job(name, METHODS[name].model)
    rarely = play(name, settings=replace(job.settings, probe_every=1000))
    assert np.array_equal(losses(often), losses(rarely))


@ALL
def test_probe_points_are_the_start_every_nth_clip_and_the_end_of_each_phase(name):
    probes = played(name)["probes"]
    assert probes.k.unique().tolist() == [0, 2, 4, 6, 8, 10]
    assert probes.groupby("k").phase.first().tolist() == ["start", "A1", "A1", "B", "B", "A2"]
    moved = probes.query("domain == 'A' and region == 'object'").loss.nunique() > 1
    assert moved is not name.endswith("frozen")


def test_persistence_scores_copying():
    tables, data = played("vit_frozen"), SmallClips(4, 1)
    latents = torch.nn.functional.layer_norm(torch.from_numpy(data.latents([0])), (20,))
    wanted = (latents[0, 3] - latents[0, 2]).abs().mean()
    row = tables["stream"].query("k == 0 and t == 2 and kind == 'online' and region == 'all'")
    assert row.persistence.item() == pytest.approx(float(wanted), rel=1e-5)


def test_orders_permute_episodes_and_keep_them_together():
    drawn = [i for *_, i in stream_clips(stream_job("hope", "hope"))]
    other = [i for *_, i in stream_clips(stream_job("hope", "hope", order=3))]
    assert drawn == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert sorted(other) == sorted(drawn)
    assert other != drawn
    assert all(second == first + 1 for first, second in zip(other[::2], other[1::2], strict=True))


def test_tables_have_the_columns_of_the_schema(tmp_path):
    records = run_stream(stream_job("hope", "hope"))
    paths = [tmp_path / f"{name}.parquet" for name in ("stream", "probes", "memory")]
    records.write(*paths)
    stream, probes, memory = (pd.read_parquet(path) for path in paths)
    assert list(stream.columns) == [name for name in STREAM if name != "loss_frozen"]
    assert list(probes.columns) == list(PROBES)
    assert list(memory.columns) == list(MEMORY)
    titan, levels = {"memory", "k", "v", "eta", "alpha"}, {"cms_1", "cms_4", "cms_16"}
    assert set(memory.memory) == titan | levels | {"cms", "state"}
    whole = memory[memory.layer == -1].groupby("name").value
    assert set(whole.groups) == {"carry_benefit", "loss_before", "loss_after"}
    assert whole.mean()["loss_after"] < whole.mean()["loss_before"]
    assert np.isfinite(memory.value).all()


def test_gradient_clipping_is_logged_before_it_clips():
    predictor = small("vit_ac")
    adapter = Adapter(predictor, METHODS["vit_tta"], clip_norm=1e-9)
    prediction = predictor.predict(
        predictor.initial(1), torch.ones(1, 1, 12, 20), torch.zeros(1, 1, 2)
    )[0][:, 0]
    update = adapter.adapt(prediction, torch.zeros(1, 12, 20))
    assert update.clipped
    assert update.grad_norm > 1e-9


def test_a_collapsed_run_is_recorded_to_its_end(capsys):
    tables = play("vit_tta", method=replace(METHODS["vit_tta"], learning_rate=1e30))
    online = tables["stream"].query("kind == 'online'")
    assert online.loss.iloc[0] > 0
    assert online.query("k == 9").loss.isna().all()
    assert np.isfinite(online.persistence).all()
    assert capsys.readouterr().err.count("the prediction is not finite") == 1


def test_nan_features_stop_the_stream_with_the_clip_named():
    job = stream_job("vit_frozen", "vit_ac")
    broken = SmallClips(4, 1)
    broken._latents[2, 0, 0, 0] = np.nan
    with pytest.raises(StreamError, match="clip 102 has NaN"):
        run_stream(replace(job, phases=(("A1", broken), *job.phases[1:])))
