"""What does not fit is one clear line, for both predictors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.small_models import GRID, HOPE, VIT, WIDTH, clips, small

from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import BadInput
from hopeworld.settings import SettingsError

BOTH = pytest.mark.parametrize("name", ["vit_ac", "hope"])
SIZES = [
    (replace(VIT, width=44, heads=4), "models.vit_ac.heads = 4: too narrow heads"),
    (replace(HOPE, width=44, heads=4), "models.hope.heads = 4: too narrow heads"),
    (replace(VIT, width=50, heads=4), "models.vit_ac.width = 50: heads do not divide"),
    (replace(HOPE, width=50, heads=4), "models.hope.width = 50: heads do not divide"),
    (replace(HOPE, cms_periods=(4, 1)), r"cms_periods = \[4, 1\]: not ascending"),
    (replace(HOPE, cms_periods=(1, 1)), "not ascending"),
    (replace(HOPE, cms_periods=()), "not ascending"),
]


@pytest.mark.parametrize(("settings", "message"), SIZES)
def test_sizes_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message) as caught:
        build_predictor(settings, GRID, WIDTH, 0)
    assert "\n" not in str(caught.value)


def test_narrow_heads_are_fine_without_rotation():
    predictor = build_predictor(replace(HOPE, width=44, heads=4, rope="off"), GRID, WIDTH, 0)
    predictor.predict(predictor.initial(1), *clips(1))


@BOTH
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused(name, value):
    predictor, (latents, actions) = small(name), clips(1)
    latents[0, 2, 3, 4] = value
    with pytest.raises(BadInput, match="NaN or Inf; encode the clips again"):
        predictor.predict(predictor.initial(1), latents, actions)


@BOTH
def test_a_rollout_longer_than_its_actions_is_refused(name):
    predictor, (latents, actions) = small(name), clips(1)
    with pytest.raises(BadInput, match="horizon 9 is longer than the 7 actions given"):
        predictor.rollout(predictor.initial(1), latents[:, :1], actions, 9)


@BOTH
def test_a_model_that_has_diverged_is_measured_not_refused(name):
    predictor, (latents, actions) = small(name), clips(1)
    with torch.no_grad():
        predictor.predictor_proj.weight.fill_(float("nan"))
    rolled = predictor.rollout(predictor.initial(1), latents[:, :1], actions, 3)
    assert torch.isnan(rolled).all()
