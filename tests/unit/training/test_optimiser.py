"""Weight decay and learning rate."""

import pytest
import torch
from tests.tiny_training import TinyPredictor, tiny_predictor, tiny_training

from hopeworld.training.optimiser import (
    build_optimiser,
    learning_rate,
    set_learning_rate,
    split_parameters,
)


def test_biases_vectors_and_listed_names_do_not_decay():
    decayed, free = split_parameters(TinyPredictor(0))
    assert {n for n, _ in decayed} == {"from_latent.weight", "from_action.weight"}
    assert {n for n, _ in free} == {"from_latent.bias", "from_action.bias", "carry"}


@pytest.mark.parametrize("model", ["vit_ac", "hope"])
def test_real_models_keep_every_parameter_once(model):
    predictor = tiny_predictor(model)
    decayed, free = split_parameters(predictor)
    names = [name for name, _ in decayed + free]
    assert sorted(names) == sorted(n for n, _ in predictor.named_parameters())
    assert all(p.ndim >= 2 for _, p in decayed)
    assert predictor.no_decay() <= {name for name, _ in free}


def test_frozen_parameters_are_left_out():
    predictor = TinyPredictor(0)
    predictor.carry.requires_grad_(False)
    assert "carry" not in [name for group in split_parameters(predictor) for name, _ in group]


def test_unknown_exempt_name_is_an_error():
    predictor = TinyPredictor(0)
    predictor.no_decay = lambda: {"carry", "tau"}
    with pytest.raises(ValueError, match="'tau'"):
        split_parameters(predictor)


def test_only_decayed_parameters_shrink_without_gradient():
    predictor = TinyPredictor(0)
    before = {name: p.detach().clone() for name, p in predictor.named_parameters()}
    optimiser = build_optimiser(predictor, tiny_training(weight_decay=0.5))
    set_learning_rate(optimiser, 0.1)
    for parameter in predictor.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in predictor.named_parameters():
        factor = 0.95 if name in ("from_latent.weight", "from_action.weight") else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


def test_rate_rises_stays_and_falls():
    training = tiny_training(steps=10, warmup_share=0.2, decay_share=0.4, learning_rate=1.0)
    rates = [learning_rate(step, training) for step in range(1, 11)]
    assert rates == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_rate_without_warm_up_and_decay_is_constant():
    training = tiny_training(warmup_share=0.0, decay_share=0.0)
    assert {learning_rate(step, training) for step in range(1, 11)} == {training.learning_rate}


@pytest.mark.parametrize("warmup", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_rate_is_never_zero_nor_above_the_peak(warmup, decay):
    training = tiny_training(steps=7, warmup_share=warmup, decay_share=decay)
    rates = [learning_rate(step, training) for step in range(1, 8)]
    assert min(rates) > 0
    assert max(rates) <= training.learning_rate
