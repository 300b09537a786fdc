"""The indices of the objective, its parts and its masks."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.tiny_training import TinyPredictor, tiny_data, tiny_predictor, tiny_training

from hopeworld.models import objective
from hopeworld.schema import REGIONS
from hopeworld.training.episodes import read_clips


class Recorder(TinyPredictor):
    """Keeps what it is asked."""

    def __init__(self):
        super().__init__(0)
        self.eval()
        self.asked = []

    def advance(self, state, features, actions, trace=None):
        self.asked.append((state, features, actions))
        return super().advance(state, features, actions)


@pytest.fixture(scope="module")
def batch():
    return read_clips(tiny_data().train.clips, np.arange(3), torch.device("cpu"))


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_first_step_is_computed_once_and_rolled_from(batch, steps):
    predictor = Recorder()
    start = predictor.initial(3)
    made = objective.forecast(predictor, start, batch.latents, batch.actions, steps)
    (s0, z0, a0), (s1, z1, a1), *rolled = predictor.asked
    assert s0 is start
    assert torch.equal(z0, batch.latents[:, :1])
    assert torch.equal(a0, batch.actions[:, :1])
    assert s1.steps == 1
    assert torch.equal(z1, batch.latents[:, 1:7])
    assert torch.equal(a1, batch.actions[:, 1:7])
    assert len(rolled) == steps - 1
    for number, (_, latent, action) in enumerate(rolled, start=1):
        assert torch.equal(latent, made.rolled[:, number - 1 : number])
        assert torch.equal(action, batch.actions[:, number : number + 1])
    assert made.rolled.shape[1] == steps
    assert torch.equal(made.rolled[:, :1], made.stepwise[:, :1])
    assert made.stepwise.shape == batch.latents[:, 1:].shape
    assert made.end.steps == 7


@pytest.mark.parametrize("model", ["vit_ac", "hope"])
def test_forecast_equals_one_pass_and_one_long_rollout(batch, model):
    predictor = tiny_predictor(model).eval()
    start = predictor.initial(3)
    made = objective.forecast(predictor, start, batch.latents, batch.actions, 7)
    whole, _ = predictor.predict(start, batch.latents[:, :7], batch.actions[:, :7])
    rolled = predictor.rollout(start, batch.latents[:, :1], batch.actions, 7)
    torch.testing.assert_close(made.stepwise, whole, atol=1e-4, rtol=0)
    torch.testing.assert_close(made.rolled, rolled, atol=1e-4, rtol=0)


def test_losses_are_means_over_the_right_steps(batch):
    truth = batch.latents[:, 1:]
    shift = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    made = objective.Forecast(truth + 0.5, truth[:, :3] + shift, None)
    mean = objective.losses(made, batch.latents, "mean")
    final = objective.losses(made, batch.latents, "final")
    assert mean.teacher_forcing.item() == pytest.approx(0.5, abs=1e-5)
    assert mean.rollout.item() == pytest.approx(2.0, abs=1e-5)
    assert final.rollout.item() == pytest.approx(3.0, abs=1e-5)
    assert mean.total.item() == pytest.approx(2.5, abs=1e-5)


def test_loss_is_float32_for_half_precision_predictions(batch):
    made = objective.Forecast(batch.latents[:, 1:].bfloat16(), batch.latents[:, 1:2].half(), None)
    losses = objective.losses(made, batch.latents, "mean")
    assert losses.total.dtype == torch.float32


def test_rollout_mask_joins_start_and_horizon():
    mask = torch.zeros(1, 8, 3, dtype=torch.bool)
    mask[0, 0, 0] = mask[0, 2, 1] = mask[0, 7, 2] = True
    assert objective.rollout_mask(mask, 2)[0].tolist() == [
        [True, False, False],
        [True, True, False],
    ]


@pytest.mark.parametrize(
    ("autocast", "device", "is_on"),
    [("off", "cuda", False), ("bfloat16", "cpu", False), ("off", "cpu", False)],
)
def test_no_autocast_unless_asked_for_on_a_gpu(autocast, device, is_on):
    training = dataclasses.replace(tiny_training(), autocast=autocast)
    with objective.precision(training, torch.device(device)):
        assert torch.is_autocast_enabled("cuda") is is_on
        assert torch.is_autocast_enabled("cpu") is is_on


def test_regions_are_those_of_the_schema_and_split_the_frame():
    objects = torch.tensor([[True, False, False], [True, True, False]])
    masks = objective.region_masks(objects)
    assert tuple(masks) == REGIONS
    assert torch.equal(masks["object"], objects)
    assert torch.equal(masks["object"] ^ masks["background"], masks["all"])
    assert masks["all"].all()
