"""The proximal write against its closed forms, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import float64

from hopeworld.models.hope.memory import features, openness, proximal_write, recall, unit

RANDOM = torch.Generator().manual_seed(0)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=RANDOM, dtype=float64)


def test_linear_memory_with_one_unit_key_is_the_delta_rule():
    """alpha M (I - e' k k^T) + e' v k^T with e' = e / (1 + e): Behrouz et al. 2025, eq. 57."""
    memory, key, value = draw(1, 5, 7), unit(draw(1, 1, 7)), draw(1, 1, 5)
    rate, retention = torch.full((1, 1), 0.7, dtype=float64), torch.full((1,), 0.9, dtype=float64)
    written = proximal_write(memory, key, value, rate, retention)
    step = 0.7 / 1.7
    kk = key.transpose(-1, -2) @ key
    wanted = 0.9 * memory @ (torch.eye(7).double() - step * kk)
    wanted = wanted + step * value.transpose(-1, -2) @ key
    assert torch.allclose(written, wanted, atol=1e-12)


def test_the_write_minimises_its_objective():
    delta, phi, error = draw(1, 4, 6), draw(1, 9, 6), draw(1, 9, 4)
    weight, retention = draw(1, 9).abs(), torch.tensor([0.8], dtype=float64)

    def objective(candidate):
        fit = (weight * (candidate @ phi.transpose(-1, -2) - error.mT).square().sum(-2)).sum()
        return fit + (candidate - 0.8 * delta).square().sum()

    written = proximal_write(delta, phi, error, weight, retention).requires_grad_()
    (gradient,) = torch.autograd.grad(objective(written), written)
    assert gradient.abs().max() < 1e-10


def test_the_write_is_differentiable_by_every_input():
    inputs = [draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 3), draw(2, 5).abs(), torch.rand(2).double()]
    inputs = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(proximal_write, inputs)


def test_nothing_written_leaves_the_state_bitwise():
    phi, error = draw(1, 9, 6), draw(1, 9, 4)
    nothing = torch.zeros(1, 4, 6).double()
    written = proximal_write(
        nothing, phi, error, torch.zeros(1, 9).double(), torch.ones(1).double()
    )
    assert torch.equal(written, nothing)


def test_the_order_of_the_tokens_does_not_matter():
    delta, phi, error, weight = draw(1, 4, 6), draw(1, 9, 6), draw(1, 9, 4), draw(1, 9).abs()
    order = torch.randperm(9, generator=RANDOM)
    one = proximal_write(delta, phi, error, weight, torch.ones(1).double())
    other = proximal_write(
        delta, phi[:, order], error[:, order], weight[:, order], torch.ones(1).double()
    )
    assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("rate", [1.0, 100.0])
def test_correlated_keys_stay_finite_over_512_steps(rate):
    base = unit(draw(1, 1, 16))
    delta, inner = torch.zeros(1, 16, 32).double(), draw(1, 32, 16)
    for _ in range(512):
        keys = unit(0.9 * base + 0.1 * unit(draw(1, 65, 16)))
        phi, targets = features(keys, inner), unit(draw(1, 65, 16))
        error = targets - keys
        weight = torch.full((1, 65), rate).double()
        delta = proximal_write(delta, phi, error, weight, torch.ones(1).double())
    assert torch.isfinite(delta).all()
    assert recall(keys, phi, delta).norm(dim=-1).max() < 50


def test_gate_opens_with_surprise():
    surprised, threshold = torch.tensor([[1e-9, 0.1353353, 4.0]]), torch.tensor([-1.0])
    soft = openness(surprised, threshold, "soft")[0]
    assert soft[0] < 1e-6
    assert soft[1] == pytest.approx(0.5, abs=1e-4)
    assert soft[2] > 0.99
    assert openness(surprised, threshold, "hard")[0].tolist() == [0.0, 1.0, 1.0]
    assert openness(surprised, threshold, "off")[0].tolist() == [1.0, 1.0, 1.0]
