"""The layer is nn.Linear: values, gradients, and what it hands over."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hopeworld.models.linear import Linear, _is_served


def pair(bias, dtype=torch.float32):
    ours, theirs = Linear(24, 40, bias=bias).to(dtype), nn.Linear(24, 40, bias=bias).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7, 24), (2, 3, 24), (2, 1, 5, 24), (24,), (0, 24)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_values_and_gradients_are_those_of_nn_linear(shape, bias, dtype):
    results = []
    x = torch.randn(shape, dtype=dtype)
    for layer in pair(bias, dtype):
        given = x.clone().requires_grad_()
        out = layer(given)
        out.square().sum().backward()
        results.append((out, given.grad, *(p.grad for p in layer.parameters())))
    tolerance = 1e-2 if dtype == torch.bfloat16 else 1e-4
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        assert torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_strided_input_and_frozen_weights():
    ours, theirs = pair(True)
    ours.requires_grad_(False)
    x = torch.randn(24, 5, 3).transpose(0, 2).requires_grad_()
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
    ours(x).sum().backward()
    assert torch.allclose(x.grad, ours.weight.sum(0).expand_as(x), atol=1e-5)
    assert ours.weight.grad is None


def test_a_row_does_not_depend_on_the_others():
    layer, x = Linear(24, 40), torch.randn(6, 24)
    other = x.clone()
    other[3:] += 1.0
    assert torch.equal(layer(x)[:3], layer(other)[:3])


def test_autocast_and_other_types_are_handed_over():
    layer, x = Linear(24, 40), torch.randn(3, 24)
    assert not _is_served(x.double(), layer.weight.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not _is_served(x, layer.weight)
        assert layer(x).dtype == torch.bfloat16
