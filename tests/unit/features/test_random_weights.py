"""Random encoder weights: Meta's initialisation, from a seed."""

import math

import numpy as np
import pytest
import torch
from tests.tiny_features import RESOURCES, TINY, encoder_settings

from hopeworld.features.weights import Architecture, load_encoder, vit_large

WIDE = Architecture(image_px=32, width=192, layers=3, heads=4, mlp_ratio=2.0)


def load(architecture=TINY, seed=0):
    return load_encoder(encoder_settings("random", seed=seed), architecture, RESOURCES)


def test_random_weights_follow_the_seed():
    one, again, other = (load(seed=seed)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["layer.0.mlp.fc1.weight"], other["layer.0.mlp.fc1.weight"])
    assert not torch.equal(one["layer.0.mlp.fc1.weight"], one["layer.1.mlp.fc1.weight"])


def test_random_weights_do_not_touch_the_global_generators():
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    load()
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == before_numpy).all()  # noqa: NPY002


def test_random_weights_have_the_statistics_of_metas_initialisation():
    for name, value in load(architecture=WIDE)[0].named_parameters():
        if value.ndim == 1:
            is_scale = "norm" in name and name.endswith("weight")
            assert (value == float(is_scale)).all(), name
            continue
        block = int(name.split(".")[1]) if name.startswith("layer.") else 0
        shrunk = name.endswith(("attention.proj.weight", "mlp.fc2.weight"))
        std = 0.02 / math.sqrt(2 * (block + 1)) if shrunk else 0.02
        assert value.std().item() == pytest.approx(std, rel=0.02), name
        assert abs(value.mean().item()) < 5 * std / math.sqrt(value.numel()), name


def test_random_weights_are_the_same_network_in_every_dtype():
    settings = encoder_settings()
    low = load_encoder(type(settings)("random", 0, "tubelet", "bfloat16", 4), TINY, RESOURCES)[0]
    for (name, value), rounded in zip(load()[0].named_parameters(), low.parameters(), strict=True):
        assert rounded.dtype == torch.bfloat16
        assert torch.equal(value.bfloat16(), rounded), name


def test_loaded_encoder_is_frozen_and_named():
    model, origin = load()
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert origin == "random (seed 0, not pretrained)"


def test_vit_large_has_the_published_size():
    sizes = vit_large(128)
    assert (sizes.width, sizes.layers, sizes.heads, sizes.grid) == (1024, 24, 16, 8)
