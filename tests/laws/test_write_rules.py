"""Laws of writing: closed forms, gradients, order, what stays as it is, and stability."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.small_memories import KINDS, LAYER, RULES, TOKENS, draw, small_step, small_titan, tables
from torch import Tensor, float64

from hopeworld.models.hope import reference
from hopeworld.models.hope.memory import Memory, Pairs, unit
from hopeworld.models.hope.titan import Titan, TitanState

ONE = torch.ones(1, 1, dtype=float64)
FRAMES = 512


def write_linear(
    rule: str, memory: Tensor, keys: Tensor, values: Tensor, weight: Tensor, alpha: float = 1.0
) -> Tensor:
    """M [r, d] of a linear memory with M_0 = 0 after a step of given pairs [S, d], [S, r]."""
    empty = Memory(1, 1, memory.shape, None).double()
    pairs = Pairs(keys[None, None, None], values[None, None, None], weight[None, None], alpha * ONE)
    return empty.write(rule, memory[None, None, None], pairs)[0, 0, 0].detach()


def unit_key(seed: int, width: int) -> Tensor:
    """A key [1, d] of length 1 to the last bit that there is."""
    return torch.nn.functional.normalize(draw(seed, 1, width), dim=-1)


@pytest.mark.parametrize("alpha", [1.0, 0.9])
@pytest.mark.parametrize(("rule", "step"), [("proximal", 0.7 / 1.7), ("delta", 0.7), ("dgd", 0.7)])
def test_one_unit_key_is_the_closed_form(rule, step, alpha):
    """alpha M (I - e' k k^T) + e' v k^T; for `proximal` e' = e / (1 + e), eq. 57.

    U = v - M_0 k = v and (I + e k k^T)^-1 = I - e' k k^T, so that alpha enters nowhere else.
    dgd takes alpha M without the gradient's share and counts M k k^T a second time.
    """
    memory, key, value = draw(0, 4, 6), unit_key(1, 6), draw(2, 1, 4)
    written = write_linear(rule, memory, key, value, torch.tensor([0.7], dtype=float64), alpha)
    read = memory @ key.T @ key
    wanted = alpha * (memory - step * read) + step * value.T @ key
    if rule == "dgd":
        wanted = alpha * memory - 2 * step * read + step * value.T @ key
    assert (written - wanted).abs().max() < 1e-12


@pytest.mark.parametrize(("rule", "share"), [("proximal", 1.0), ("delta", 1.0), ("dgd", 0.5)])
def test_a_repeated_pair_is_learnt_but_by_the_literal_rule_only_half(rule, share):
    """Eq. 88 subtracts M k k^T in its decay and in its gradient: it settles at v/2, not at v."""
    memory, key, value = draw(0, 4, 6), unit_key(1, 6), draw(2, 1, 4)
    for _ in range(300):
        memory = write_linear(rule, memory, key, value, torch.tensor([0.3], dtype=float64))
    assert torch.allclose(key @ memory.T, share * value, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_inner_gradient_is_autograd_and_finite_differences(kind):
    """-E^T Omega Phi of 1/2 sum_i w_i |M(k_i) - v-hat_i|^2, by Delta."""
    step = small_step(kind)
    cell, keys, targets = step.cell(0, 0, 0), step.keys[0, 0, 0], step.targets[0, 0, 0]
    weight = step.weight[0, 0]

    def loss(delta: Tensor) -> Tensor:
        errors = [replace(cell, delta=delta)(k) - v for k, v in zip(keys, targets, strict=True)]
        return 0.5 * (weight * torch.stack(errors).square().sum(-1)).sum()

    delta = cell.delta.clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(loss(delta), delta)
    closed = reference.inner_gradient(cell, keys, targets, weight)
    assert (closed - by_autograd).detach().abs().max() < 1e-13
    assert torch.autograd.gradcheck(loss, delta)  # central differences


@pytest.mark.parametrize("kind", KINDS)
def test_the_explicit_rule_descends_along_the_inner_gradient(kind):
    """delta, weak step: alpha Delta minus the gradient there; w_i / |phi_i| for an MLP."""
    step = small_step(kind)
    step = replace(step, weight=0.01 * step.weight)
    written = step.written("delta").detach()
    phi = step.memory.features(step.keys)
    length = 1.0 if kind == "linear" else torch.sqrt(phi.square().sum(-1) + 1e-6)
    kept = (step.retention[..., None, None] * step.delta).requires_grad_()
    errors = step.targets - step.memory.recall(step.keys, phi, kept)
    loss = 0.5 * (step.weight / length * errors.square().sum(-1)).sum()
    (gradient,) = torch.autograd.grad(loss, kept)
    assert (written - kept + gradient).abs().max() < 1e-13


@pytest.mark.parametrize("kind", KINDS)
def test_the_proximal_rule_minimises_its_objective(kind):
    """sum_i w_i |M(k_i) - v-hat_i|^2 + |Delta' - alpha Delta|^2, whatever the strength."""
    step = small_step(kind)
    step = replace(step, weight=10 * step.weight)
    written = step.written("proximal").detach().requires_grad_()
    answers = step.memory.recall(step.keys, step.memory.features(step.keys), written)
    fit = (step.weight * (answers - step.targets).square().sum(-1)).sum()
    moved = (written - step.retention[..., None, None] * step.delta).square().sum()
    (gradient,) = torch.autograd.grad(fit + moved, written)
    assert gradient.abs().max() < 1e-10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["proximal", "delta"])
def test_nothing_written_leaves_the_state_bitwise(rule, kind):
    step = small_step(kind)
    nothing = torch.zeros_like(step.weight)
    empty = replace(step, weight=nothing, delta=torch.zeros_like(step.delta))
    assert torch.equal(empty.written(rule), empty.delta)
    kept = replace(step, weight=nothing, retention=torch.ones_like(step.retention))
    assert torch.equal(kept.written(rule), kept.delta)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_the_tokens_of_a_step_does_not_matter(rule, kind):
    step, order = small_step(kind), torch.randperm(TOKENS)
    parts = {name: getattr(step, name)[..., order, :] for name in ("keys", "targets")}
    shuffled = replace(step, weight=step.weight[..., order], **parts)
    assert (step.written(rule) - shuffled.written(rule)).abs().max() < 1e-12


@pytest.mark.parametrize("rule", ["delta", "dgd"])
def test_the_order_matters_to_the_sequential_recurrence(rule):
    step = small_step("linear")
    parts = step.keys[0, 0, 0], step.targets[0, 0, 0], step.weight[0, 0]
    memory, alpha = step.delta[0, 0, 0], step.retention[0, 0]
    forward = reference.loop(rule, memory, *parts, alpha)
    backward = reference.loop(rule, memory, *(part.flip(0) for part in parts), alpha)
    assert (forward - backward).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_a_write_has_finite_gradients_where_everything_is_zero(rule, kind):
    """No weight, no key and nothing to learn: the slopes of norms and clips must not be NaN."""
    names, step = ("delta", "keys", "targets", "weight"), small_step(kind)
    zeros = {name: torch.zeros_like(getattr(step, name)).requires_grad_() for name in names}
    written = replace(step, **zeros).written(rule)
    for gradient in torch.autograd.grad(written.sum(), list(zeros.values()), allow_unused=True):
        assert gradient is None or torch.isfinite(gradient).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_correlated_keys_stay_bounded_over_512_frames(rule, kind):
    """eta = 1, keys at cosine 0.9, targets that no memory can have, alpha = 1, float32."""
    random = torch.Generator().manual_seed(0)
    memory = Memory(1, 1, (16, 16), None if kind == "linear" else 32)
    for parameter in memory.parameters():
        torch.nn.init.normal_(parameter, generator=random)
    delta, ones = memory.initial(1), torch.ones(1, 1)
    common = unit(torch.randn(16, generator=random))
    with torch.no_grad():
        for _ in range(FRAMES):
            own = unit(torch.randn(1, 1, 1, 33, 16, generator=random))
            keys = unit(0.9**0.5 * common + 0.1**0.5 * own)
            phi = memory.features(keys)
            targets = unit(torch.randn(1, 1, 1, 33, 16, generator=random))
            error = targets - memory.recall(keys, phi, None)
            delta = memory.write(rule, delta, Pairs(phi, error, torch.ones(1, 1, 33), ones))
    assert torch.isfinite(delta).all()
    assert memory.recall(keys, phi, delta).norm(dim=-1).max() < 4.0


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mixer", ["titan", "linear"])
@pytest.mark.parametrize("rule", RULES)
def test_a_layer_stays_bounded_over_512_frames(rule, mixer, precision):
    """eta = 1, inputs at cosine 0.9, no gate, alpha = 1, every memory at full strength."""
    free = {"gate": "off", "retention": False, "self_write": 1.0, "local_mixing": False}
    chosen = replace(LAYER, write=rule, mixer=mixer, **free)
    titan, width = small_titan(chosen).float(), chosen.width
    with torch.no_grad():
        titan.gate.weight.zero_()
        titan.gate.bias.fill_(20.0)
        own = draw(0, 1, FRAMES, TOKENS, width).float()
        x = 0.9**0.5 * draw(1, width).float() + 0.1**0.5 * own
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            output, state = titan(x, tables(chosen, FRAMES), titan.initial(1, TOKENS - 1), None)
    for delta in (state.memory, state.slow, state.gates):
        assert delta.dtype == torch.float32
        assert torch.isfinite(delta).all()
        assert delta.norm(dim=(-1, -2)).max() < 50
    assert torch.isfinite(output).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "switch",
    [{"self_target": False, "adaptive": ()}, {"mixer": "linear"}],
    ids=["k is v", "M is 0"],
)
def test_every_parameter_has_a_finite_gradient_where_nothing_surprises(switch, rule):
    """r = 0 to the bit, gate soft: M(k) = k = v of an empty MLP; or M(k) = 0 and v-hat = 0."""
    titan = small_titan(replace(LAYER, rope="off", write=rule, **switch))
    with torch.no_grad():
        titan.memory.outer.zero_()
        _, key, value = titan.project.weight.chunk(3)
        value.copy_(key)
    learnt = state_after_backward(titan, draw(0, 1, 2, TOKENS, LAYER.width)).memory
    assert torch.equal(learnt, torch.zeros_like(learnt))


@pytest.mark.parametrize("rule", RULES)
def test_every_parameter_has_a_finite_gradient_from_tokens_of_zeros(rule):
    titan = small_titan(replace(LAYER, write=rule, local_mixing=False))
    state_after_backward(titan, torch.zeros(1, 2, TOKENS, LAYER.width, dtype=float64))


def state_after_backward(titan: Titan, x: Tensor) -> TitanState:
    """The state after a clip, with the check that every parameter has a finite gradient."""
    output, state = titan(x, tables(titan.settings, 2), titan.initial(1, TOKENS - 1), None)
    (output * draw(3, *output.shape)).sum().backward()
    for name, parameter in titan.named_parameters():
        if parameter.numel():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    return state


def test_first_order_writes_change_gradients_alone():
    """Outputs are equal to the bit; gradients differ, are finite, and still reach W_0.

    Not of M_k and M_v and not Wv: keys, values and targets serve the writes alone.
    """
    outputs, gradients = [], []
    for cut in (False, True):
        titan = small_titan(replace(LAYER, first_order=cut))
        x = draw(0, 1, 3, TOKENS, LAYER.width)
        output, _ = titan(x, tables(LAYER, 3), titan.initial(1, TOKENS - 1), None)
        (output * draw(3, *output.shape)).sum().backward()
        outputs.append(output)
        gradients.append({name: p.grad for name, p in titan.named_parameters()})
    assert torch.equal(*outputs)
    full, first = gradients
    for name in ("threshold", "slow.outer", "slow.inner"):
        assert first[name] is None
    for name in ("memory.outer", "memory.inner", "gate.weight", "log_scale", "project.weight"):
        assert torch.isfinite(first[name]).all()
        assert first[name].abs().sum() > 0
        assert not torch.allclose(first[name], full[name], rtol=1e-3), name
