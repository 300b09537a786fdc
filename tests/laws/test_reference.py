"""Law: the fast memories, layers and levels are the reference's equations, gradients included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_memories import (
    GRID,
    KINDS,
    LAYER,
    RULES,
    TOKENS,
    draw,
    small_step,
    small_titan,
    tables,
)
from tests.small_models import HOPE
from torch import Tensor, float64, nn

from hopeworld.models.hope import reference
from hopeworld.models.hope.continuum import Level, initial_continuum, layer_slots, look_back
from hopeworld.models.hope.reference_titan import Layer
from hopeworld.models.hope.titan import TitanState
from hopeworld.settings import Hope

SWITCHES = [
    {},
    {"mixer": "linear"},
    {"mixer": "linear", "write": "dgd"},
    {"write": "dgd"},
    {"write": "delta"},
    {"read": "before"},
    {"self_target": False},
    {"adaptive": ()},
    {"adaptive": ("k", "alpha")},
    {"adaptive": ("v", "eta")},
    {"self_write": 0.0},
    {"self_write": 1.0},
    {"gate": "off"},
    {"gate": "hard"},
    {"retention": False},
    {"writes": False},
    {"first_order": True},
    {"local_mixing": False},
    {"feature_norm": False},
    {"rope": "standard"},
    {"rope": "off"},
    {"memory_ratio": 1.5},
]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    tokens=st.integers(1, 40),
    width=st.integers(1, 9),
    outputs=st.integers(1, 5),
    alpha=st.sampled_from([1.0, 0.9, 0.3]),
    rule=st.sampled_from(["delta", "dgd"]),
    seed=st.integers(0, 1000),
)
def test_one_triangular_solve_is_the_loop_over_tokens(tokens, width, outputs, alpha, rule, seed):
    keys = torch.nn.functional.normalize(draw(seed, tokens, width), dim=-1)
    values, memory = draw(seed + 1, tokens, outputs), draw(seed + 2, outputs, width)
    strengths = 0.45 * torch.sigmoid(draw(seed + 3, tokens))
    step = (rule, memory, keys, values, strengths, torch.tensor(alpha, dtype=float64))
    loop, solved = reference.loop(*step), reference.triangular(*step)
    queries = draw(seed + 4, tokens, width)
    assert (loop - solved).abs().max() < 1e-12
    assert (queries @ loop.T - queries @ solved.T).abs().max() < 1e-12


@pytest.mark.parametrize("rule", ["delta", "dgd"])
def test_a_step_of_one_token_is_the_sequential_rule(rule):
    """With M_0 = 0, a weight below 1/1.1 and a linear memory nothing is approximate."""
    memory, key, value = draw(0, 3, 4), reference.unit(draw(1, 4)), draw(2, 3)
    strength, retention = torch.tensor(0.6).double(), torch.tensor(0.9).double()
    cell = reference.Cell(torch.zeros(3, 4).double(), memory)
    step = key[None], value[None], strength[None], retention
    written = reference.write(rule, cell, *step)
    assert (written - reference.loop(rule, memory, *step)).abs().max() < 1e-15


@pytest.mark.parametrize("alpha", [1.0, 0.9])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_a_fast_write_is_the_reference(rule, kind, alpha):
    step = small_step(kind, alpha)
    inputs = [step.delta, step.keys, step.targets, step.weight, step.retention]
    inputs = [part.requires_grad_() for part in inputs] + list(step.memory.parameters())
    fast = step.written(rule)
    slow = torch.stack(
        [
            reference.write(
                rule,
                step.cell(n, b, h),
                step.keys[n, b, h],
                step.targets[n, b, h],
                step.weight[b, h],
                step.retention[b, h],
            )
            for n in range(2)
            for b in range(2)
            for h in range(2)
        ]
    ).view_as(fast)
    assert (fast - slow).abs().max() < 1e-12
    tangent = draw(9, *fast.shape)
    gradients = (torch.autograd.grad((x * tangent).sum(), inputs) for x in (fast, slow))
    for one, other in zip(*gradients, strict=True):
        assert (one - other).abs().max() < 1e-11 * max(1.0, float(other.abs().max()))


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_a_fast_layer_is_the_reference(switch):
    """Outputs, final state and the gradient of every parameter, over two clips of a stream."""
    chosen = replace(LAYER, **switch)
    titan = small_titan(chosen)
    slow = Layer(dict(titan.named_parameters()), chosen, GRID)
    state, start, fast_results, slow_results = titan.initial(2, TOKENS - 1), None, [], []
    for clip in range(2):
        x = draw(clip, 2, 2, TOKENS, chosen.width)
        output, state = titan(x, tables(chosen, 2), titan.new_clip(state), None)
        fast_results.append(output)
        output, start = slow.run(x, start)
        slow_results.append(output)
    fast_results += by_name(state, chosen).values()
    slow_results += [
        torch.stack([torch.stack([head[name] for head in sample]) for sample in start])
        for name in by_name(state, chosen)
    ]
    tolerance = 1e-11 if chosen.rope == "off" else 1e-6  # rotary tables are fp32
    results = ["first", "second", *by_name(state, chosen)]
    assert_same(results, fast_results, slow_results, tolerance)
    assert_same(*gradients(titan, fast_results, slow_results), tolerance)


def gradients(module: nn.Module, *sides: Iterable[Tensor]) -> tuple[Iterable, ...]:
    """Names of the parameters, then for each side the gradients of a sum with random weights."""
    names, parameters = zip(*module.named_parameters(), strict=True)
    losses = [sum((result * draw(7, *result.shape)).sum() for result in side) for side in sides]
    return names, *(torch.autograd.grad(loss, parameters, allow_unused=True) for loss in losses)


def by_name(state: TitanState, chosen: Hope) -> dict[str, Tensor]:
    """Delta of every memory there is, [B, H, r, f] each."""
    slow = [name for name in ("k", "v") if name in chosen.adaptive]
    gates = [name for name in ("eta", "alpha") if name in chosen.adaptive]
    deltas = {"memory": state.memory[0]}
    deltas |= {name: state.slow[n] for n, name in enumerate(slow)}
    return deltas | {name: state.gates[0, :, :, [n]] for n, name in enumerate(gates)}


def assert_same(names: list[str], fast: Iterable[Tensor], slow: Iterable[Tensor], tolerance: float):
    """Equal relative to the largest element."""
    for name, one, other in zip(names, fast, slow, strict=True):
        assert (one is None) == (other is None), name
        if one is not None and one.numel():
            error = (one - other).detach().abs().max()
            assert error <= tolerance * other.detach().abs().max(), (name, float(error))


@pytest.mark.parametrize("period", [1, 4])
def test_a_level_learns_by_look_back_as_the_reference(period):
    """Forward pass, gradient by Delta, and the delta after each of nine transitions."""
    level, slow, chosen = small_level(period, "look_back")
    state, received = initial_continuum(chosen, 1, torch.zeros(()).double()), []
    for transition in range(9):
        tokens, errors = draw(10 + transition, 5, 6), draw(20 + transition, 5, 6)
        delta = state.deltas[0].requires_grad_()
        answer = level(tokens[None, None], delta[0])[0, 0]
        wanted = torch.stack([slow(token, delta[0, 0]) for token in tokens])
        assert_same(["answer"], [answer], [wanted], 1e-12)
        (gradient,) = torch.autograd.grad((answer * errors).sum(), delta)
        received.append(reference.level_gradient(slow, tokens, errors).detach())
        assert_same(["gradient"], [gradient[0, 0]], received[-1:], 1e-12)
        state = look_back(replace(state, deltas=(delta.detach(),)), (gradient,), [level], 0.5)
        learnt = reference.online_deltas(torch.stack(received), period, 0.98, 0.5)[-1]
        assert (state.deltas[0][0, 0] - learnt).abs().max() < 1e-12


@pytest.mark.parametrize("size", [0.1, 1.0], ids=["free", "clipped"])
@pytest.mark.parametrize("period", [1, 2])
def test_a_level_learns_by_its_local_loss_as_the_reference(period, size):
    """Answers, delta and the gradient of every parameter after a clip of five steps."""
    level, slow, chosen = small_level(period, "local")
    with torch.no_grad():
        level.outer.weight.mul_(size)
        level.gain.mul_(size)
    clip = draw(8, 5, 3, 6)
    (slot,) = layer_slots(initial_continuum(chosen, 1, torch.zeros(()).double()), 0)
    fast_answers, slot = level.learn(clip[None], slot, 0)
    delta, total, answers = torch.zeros(6, 4).double(), torch.zeros(6, 4).double(), []
    for count, tokens in enumerate(clip, start=1):
        answers.append(torch.stack([slow(token, delta) for token in tokens]))
        total = total + reference.local_gradient(slow, tokens, delta, level.gain)
        if count % period == 0:
            delta = reference.updated(delta, total / period, 0.98, level.log_rate.exp())
            total = torch.zeros_like(total)
    fast, wanted = (fast_answers[0], slot.delta[0]), (torch.stack(answers), delta)
    assert_same(["answers", "delta"], fast, wanted, 1e-11)
    losses = [
        sum((result * draw(9, *result.shape)).sum() for result in side) for side in (fast, wanted)
    ]
    names, parameters = zip(*level.named_parameters(), strict=True)
    assert_same(names, *(torch.autograd.grad(loss, parameters) for loss in losses), 1e-10)


def small_level(period: int, loss: str) -> tuple[Level, reference.Level, Hope]:
    """A level of width 6 with 4 hidden units, whose every weight matters."""
    sizes = {"depth": 1, "width": 6, "cms_hidden": 4, "cms_periods": (period,)}
    chosen = replace(HOPE, cms_loss=loss, **sizes)
    level = Level(chosen, period).double()
    with torch.no_grad():
        for number, parameter in enumerate(level.parameters()):
            parameter.add_(draw(number, *parameter.shape))
    parts = (level.norm, level.inner, level.outer)
    return level, reference.Level(*(p for part in parts for p in (part.weight, part.bias))), chosen
