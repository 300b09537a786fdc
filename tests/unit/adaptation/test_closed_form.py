"""Formulas as contestants: what they predict, and their files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.small_models import GRID, WIDTH, clips, small
from tests.small_streams import SmallClips, predictor_of, write_weights

from hopeworld import trained
from hopeworld.adaptation.contestants import load_contestant
from hopeworld.models.closed_form import build_closed_form, fit_closed_form
from hopeworld.models.predictor import BadInput, standardise
from hopeworld.models.state import flatten
from hopeworld.settings import CLOSED_FORM, ClosedForm

EACH = pytest.mark.parametrize("kind", CLOSED_FORM)


@EACH
def test_together_and_step_by_step_are_the_same(kind):
    predictor = predictor_of(kind)
    latents, actions = clips(3)
    whole, end = predictor.predict(predictor.initial(3), latents, actions)
    state, parts = predictor.initial(3), []
    for start, stop in ((0, 1), (1, 4), (4, 7)):
        piece = latents[:, start:stop], actions[:, start:stop]
        prediction, state = predictor.predict(state, *piece)
        parts.append(prediction)
    assert torch.equal(torch.cat(parts, 1), whole)
    pairs = zip(flatten(state).values(), flatten(end).values(), strict=True)
    assert all(torch.equal(*p) if isinstance(p[0], torch.Tensor) else p[0] == p[1] for p in pairs)
    again = predictor.predict(predictor.new_clip(state), latents, actions)[0]
    assert torch.equal(again, whole)


def test_the_mean_map_is_the_mean_of_its_step_and_patch():
    data = SmallClips(20, 1)
    predictor = fit_closed_form(ClosedForm("mean_map"), data)
    wanted = standardise(torch.from_numpy(data.latents(np.arange(20)))).mean(0)
    latents, actions = clips(2)
    start = predictor.initial(2)
    predictions, _ = predictor.predict(start, latents, actions)
    assert torch.allclose(predictions, wanted[1:].expand(2, -1, -1, -1), atol=1e-6)
    assert torch.equal(predictor.rollout(start, latents[:, :1], actions, 7), predictions)


def test_linear_extrapolation_goes_on_as_it_moved():
    predictor = build_closed_form(ClosedForm("linear_extrapolation"), GRID, WIDTH)
    latents, actions = clips(2)
    start = predictor.initial(2)
    predictions, _ = predictor.predict(start, latents, actions)
    assert torch.equal(predictions[:, 0], latents[:, 0])
    wanted = standardise(2 * latents[:, 3] - latents[:, 2])
    assert torch.allclose(predictions[:, 3], wanted, atol=1e-6)
    # From one latent nothing has moved yet, so a rollout stays where it is.
    rolled = predictor.rollout(start, latents[:, :1], actions, 7)
    assert torch.allclose(rolled, latents[:, :1].expand_as(rolled), atol=1e-3)


@EACH
def test_a_file_gives_the_formula_back(kind, tmp_path):
    path = write_weights(tmp_path / "formula.safetensors", kind)
    loaded, known = load_contestant(path), predictor_of(kind)
    assert type(loaded) is type(known)
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in known.state_dict().items())
    with pytest.raises(BadInput, match="is not one of this model"):
        loaded.predict(small("hope").initial(2), *clips(2))


def test_trained_predictors_are_loaded_as_they_are(tmp_path):
    path = write_weights(tmp_path / "weights.safetensors", "vit_ac")
    assert type(load_contestant(path)) is type(small("vit_ac"))
    (tmp_path / "text").write_text("not weights, though it is quite long")
    with pytest.raises(trained.WeightsError, match="not a safetensors file"):
        load_contestant(tmp_path / "text")
