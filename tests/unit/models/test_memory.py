"""Memories as the layers use them: answers, precision, gradients, gates, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.small_memories import KINDS, RULES, draw, small_step
from torch import float64

from hopeworld.models.hope.memory import Memory, openness, surprise, unit


def test_unit_vectors_and_a_bounded_slope_at_zero():
    x = draw(0, 3, 7)
    assert torch.allclose(unit(x).norm(dim=-1), torch.ones(3, dtype=float64), atol=1e-6)
    zero = torch.zeros(7, dtype=float64, requires_grad=True)
    unit(zero).sum().backward()
    assert zero.grad.max() == pytest.approx(1e3)


def test_an_mlp_memory_starts_as_the_identity_and_a_linear_one_as_zero():
    x = draw(0, 2, 1, 1, 4, 5)
    for hidden, wanted in ((8, x), (None, torch.zeros_like(x))):
        memory = Memory(2, 1, (5, 5), hidden).double()
        assert torch.equal(memory.recall(x, memory.features(x), None), wanted)


@pytest.mark.parametrize("normalise", [True, False])
def test_features_are_divided_by_the_root_of_their_number(normalise):
    memory = Memory(1, 1, (5, 5), 16, normalise).double()
    torch.nn.init.normal_(memory.inner, generator=torch.Generator().manual_seed(0))
    x = draw(0, 1, 1, 1, 4, 5)
    hidden = torch.nn.functional.silu(x @ memory.inner[:, None].mT)
    assert torch.allclose(memory.features(x), hidden / 4 if normalise else hidden)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_a_write_is_differentiable_by_every_input(rule, kind):
    step = small_step(kind, tokens=3)
    names = ("delta", "keys", "targets", "weight", "retention")
    inputs = [getattr(step, name).requires_grad_() for name in names]
    parameters = list(step.memory.parameters())

    def written(*parts):
        return replace(step, **dict(zip(names, parts[:5], strict=True))).written(rule)

    assert torch.autograd.gradcheck(written, (*inputs, *parameters))


@pytest.mark.parametrize("rule", RULES)
def test_a_write_runs_in_the_precision_of_its_state_under_autocast_too(rule):
    step = small_step("mlp")
    step.memory.float()
    names = ("delta", "keys", "targets", "weight", "retention")
    step = replace(step, **{name: getattr(step, name).float() for name in names})
    rough = replace(step, keys=step.keys.bfloat16(), targets=step.targets.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        written = rough.written(rule)
    assert written.dtype == torch.float32
    assert torch.allclose(written, step.written(rule), atol=0.1)


@pytest.mark.parametrize("rule", RULES)
def test_samples_and_heads_learn_apart(rule):
    step = small_step("mlp")
    changed = step.weight.clone()
    changed[0, 1] = 0
    moved = (step.written(rule) != replace(step, weight=changed).written(rule)).flatten(3).any(-1)
    assert moved.all(0).tolist() == [[False, True], [False, False]]


def test_a_memory_that_is_not_there_learns_nothing():
    memory = Memory(0, 2, (5, 5), 8)
    assert memory.initial(3).shape == (0, 3, 2, 5, 8)
    assert memory.write("proximal", memory.initial(3), None).shape == (0, 3, 2, 5, 8)


def test_a_pair_that_is_known_does_not_surprise():
    step = small_step("mlp")
    phi = step.memory.features(step.keys)
    known = phi @ step.delta.mT
    assert torch.equal(surprise(phi, known, step.delta), torch.zeros(2, 2, 2, 7).double())
    shifted = surprise(phi, known + 2.0, step.delta)
    assert torch.allclose(shifted, torch.full_like(shifted, 5 * 4.0))


def test_the_gate_opens_with_surprise():
    surprised, threshold = torch.tensor([[1e-9, 0.1353353, 4.0]]), torch.tensor([-1.0])
    soft = openness(surprised, threshold, "soft")[0]
    assert soft[0] < 1e-6
    assert soft[1] == pytest.approx(0.5, abs=1e-4)
    assert soft[2] > 0.99
    assert openness(surprised, threshold, "hard")[0].tolist() == [0.0, 1.0, 1.0]
    assert openness(surprised, threshold, "off")[0].tolist() == [1.0, 1.0, 1.0]
