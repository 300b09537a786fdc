"""Every switch of HOPE changes what it names, and nothing else."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
import torch
from tests.small_models import GRID, HOPE, WIDTH, clips

from hopeworld.models.build import build_predictor
from hopeworld.models.hope.attention import AttentionState
from hopeworld.models.hope.memory import openness

SWITCHES = {
    "linear": {"mixer": "linear"},
    "attention": {"mixer": "attention"},
    "delta": {"write": "delta"},
    "dgd": {"write": "dgd"},
    "before": {"read": "before"},
    "given_targets": {"self_target": False},
    "no_k": {"adaptive": ("v", "eta", "alpha")},
    "no_v": {"adaptive": ("k", "eta", "alpha")},
    "no_eta": {"adaptive": ("k", "v", "alpha")},
    "no_alpha": {"adaptive": ("k", "v", "eta")},
    "static": {"adaptive": ()},
    "gate_off": {"gate": "off"},
    "gate_hard": {"gate": "hard"},
    "no_retention": {"retention": False},
    "no_writes": {"writes": False},
    "first_order": {"first_order": True},
    "no_mixing": {"local_mixing": False},
    "no_feature_norm": {"feature_norm": False},
    "rope_standard": {"rope": "standard"},
    "rope_off": {"rope": "off"},
    "one_level": {"cms_periods": (1,)},
    "cms_local": {"cms_loss": "local"},
}
SAME_OUTPUT = {"first_order"}
"""Switches that change gradients alone."""

GONE = {
    "linear": {"memory."},
    "attention": {"mixer."},
    "no_k": {"slow"},
    "no_v": {"slow"},
    "no_eta": {"gates"},
    "no_alpha": {"gates"},
    "static": {"slow", "gates"},
    "no_mixing": {"mixing"},
    "one_level": {"levels"},
    "cms_local": {"gain", "log_rate"},
}
"""Parts whose parameters a switch may add, take away or reshape."""

UNTRAINED = {
    "gate_off": {"threshold"},
    "gate_hard": {"threshold"},
    "no_writes": {"threshold", "log_scale", "mixer.gate", "slow", "action_encoder"},
    "first_order": {"threshold", "slow"},
    "cms_local": {"levels.2.gain", "levels.2.log_rate"},
}
"""Parts that no gradient reaches; 14 transitions are too few for a level of period 16."""


def drawn(settings):
    """A predictor whose every weight matters, drawn by name: the same for the same parameter."""
    predictor = build_predictor(settings, GRID, WIDTH, 0)
    with torch.no_grad():
        for name, parameter in predictor.named_parameters():
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
            if name.endswith("norm.weight"):
                parameter.add_(1.0)
    return predictor.eval()


def outputs(settings):
    """Predictions of a clip, and of the same clip again with the state carried."""
    predictor = drawn(settings)
    latents, actions = clips(2)
    first, state = predictor.predict(predictor.initial(2), latents, actions)
    second, _ = predictor.predict(predictor.new_clip(state), latents, actions)
    return first, second


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_changes_the_output(name):
    base, switched = outputs(HOPE), outputs(replace(HOPE, **SWITCHES[name]))
    assert torch.isfinite(switched[1]).all()
    if name in SAME_OUTPUT:
        assert torch.equal(base[1], switched[1])
    else:
        assert (base[1] - switched[1]).abs().max() > 1e-4


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_leaves_the_other_parameters_alone(name):
    base = {k: v.shape for k, v in drawn(HOPE).state_dict().items()}
    switched = {k: v.shape for k, v in drawn(replace(HOPE, **SWITCHES[name])).state_dict().items()}
    differing = {k for k in base.keys() | switched.keys() if base.get(k) != switched.get(k)}
    assert all(any(part in key for part in GONE.get(name, ())) for key in differing)
    assert bool(differing) is (name in GONE)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_trains(name):
    predictor = drawn(replace(HOPE, **SWITCHES[name]))
    latents, actions = clips(2)
    first, after = predictor.predict(predictor.initial(2), latents, actions)
    again, _ = predictor.predict(predictor.new_clip(after), latents, actions)
    torch.cat((first, again), 1).square().mul(torch.arange(WIDTH)).sum().backward()
    for parameter_name, parameter in predictor.named_parameters():
        is_cut = any(part in parameter_name for part in UNTRAINED.get(name, ()))
        if parameter.numel():
            reached = parameter.grad is not None and bool(parameter.grad.any())
            assert reached is not is_cut, parameter_name
            assert is_cut or torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_streams_and_is_causal(name):
    predictor = drawn(replace(HOPE, **SWITCHES[name]))
    latents, actions = clips(2)
    whole, end = predictor.predict(predictor.initial(2), latents, actions)
    early, state = predictor.predict(predictor.initial(2), latents[:, :3], actions[:, :3])
    late, split_end = predictor.predict(state, latents[:, 3:], actions[:, 3:])
    assert torch.allclose(torch.cat((early, late), 1), whole, atol=1e-4)
    assert split_end.time == end.time == latents.shape[1]


def moved(settings, change):
    """Largest change of every step's prediction, [t], when `change` is made to the actions."""
    predictor, (latents, actions) = drawn(settings), clips(1)
    before, _ = predictor.predict(predictor.initial(1), latents, actions)
    after, _ = predictor.predict(predictor.initial(1), latents, change(actions.clone()))
    return (after - before).abs().amax((0, 2, 3))


def push_third(actions):
    """Another force in the third step."""
    actions[:, 2] += 1.0
    return actions


def test_read_before_write_hides_the_action_from_its_own_step():
    assert moved(HOPE, push_third)[2] > 1e-4
    hidden = moved(replace(HOPE, read="before"), push_third)
    assert hidden[2] == 0
    assert hidden[3] > 0


def test_without_writes_nothing_is_learnt():
    predictor, (latents, actions) = drawn(replace(HOPE, writes=False)), clips(1)
    _, state = predictor.predict(predictor.initial(1), latents, actions)
    for mixed in state.mixers:
        assert not any(part.any() for part in (mixed.memory, mixed.slow, mixed.gates))
    assert (moved(replace(HOPE, writes=False, local_mixing=False), push_third) == 0).all()


def test_an_adaptive_projection_learns_and_a_plain_one_does_not():
    for names, learnt in ((("k",), 1), (("k", "v"), 2), ((), 0)):
        predictor, (latents, actions) = drawn(replace(HOPE, adaptive=names)), clips(1)
        _, state = predictor.predict(predictor.initial(1), latents, actions)
        assert len(state.mixers[0].slow) == learnt
        assert state.mixers[0].gates.shape[0] == 0
        assert (state.mixers[0].slow.flatten(1).norm(dim=1) > 0).all()


def test_retention_lets_what_was_written_fade():
    @torch.no_grad()
    def left(settings):
        predictor, (latents, actions) = drawn(settings), clips(1)
        for block in predictor.blocks:
            block.mixer.log_scale.fill_(-20.0)
            block.mixer.gate.bias[settings.heads :] = 0.0
        state = predictor.initial(1)
        titans = tuple(replace(t, memory=torch.ones_like(t.memory)) for t in state.mixers)
        _, after = predictor.predict(replace(state, mixers=titans), latents, actions)
        return float(after.mixers[0].memory.max())

    assert left(HOPE) < 0.2
    assert left(replace(HOPE, retention=False)) == pytest.approx(1.0, abs=1e-4)


def test_the_gate_of_a_known_pair_is_closed_and_off_is_open():
    surprised = torch.tensor([[[1e-9, 4.0]]])
    threshold = torch.tensor([-1.0])
    assert openness(surprised, threshold, "soft")[0, 0, 0] < 1e-3
    assert openness(surprised, threshold, "soft")[0, 0, 1] > 0.99
    assert openness(surprised, threshold, "hard").tolist() == [[[0.0, 1.0]]]
    assert openness(surprised, threshold, "off").tolist() == [[[1.0, 1.0]]]


def test_hope_attention_forgets_the_clip():
    predictor, (latents, actions) = drawn(replace(HOPE, mixer="attention")), clips(1)
    first, state = predictor.predict(predictor.initial(1), latents, actions)
    assert isinstance(state.mixers[0], AttentionState)
    second, _ = predictor.predict(predictor.new_clip(state), latents, actions)
    assert torch.equal(first, second)


def test_the_local_loss_learns_in_the_forward_pass_at_its_periods():
    predictor = drawn(replace(HOPE, cms_loss="local", cms_periods=(1, 4)))
    latents, actions = clips(1)
    state = predictor.initial(1)
    for t in range(7):
        _, after = predictor.predict(state, latents[:, t : t + 1], actions[:, t : t + 1])
        pairs = zip((1, 4), state.continuum.deltas, after.continuum.deltas, strict=True)
        for period, old, new in pairs:
            assert torch.equal(old, new) is bool((t + 1) % period), (t, period)
        state = after
    assert predictor.new_clip(state).continuum.transitions == 7
    assert predictor.observe(state, latents[:, 0], latents[:, 1]) is state


def test_the_local_gradient_is_autograds():
    level = drawn(replace(HOPE, cms_loss="local")).double().blocks[0].levels[0]
    x = torch.randn(2, 5, HOPE.width, dtype=torch.float64)
    delta = torch.randn(2, HOPE.width, HOPE.cms_hidden, dtype=torch.float64, requires_grad=True)
    normed = level.norm(x)
    hidden = torch.nn.functional.gelu(level.inner(normed))
    key = torch.nn.functional.normalize(hidden, dim=-1)
    answer = torch.einsum("bsh,bch->bsc", key, level.outer.weight + delta)
    loss = 0.5 * (answer - level.gain * normed).square().sum(-1).mean(-1).sum()
    (expected,) = torch.autograd.grad(loss, delta)
    assert torch.allclose(level.local_gradient(normed, hidden, delta), expected, atol=1e-6)


def test_off_learns_nothing_online():
    predictor = drawn(replace(HOPE, cms_loss="off"))
    predictor.look_back_rate = 1.0
    assert predictor.initial(1).continuum is None
