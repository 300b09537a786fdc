"""What is HOPE's alone: permutations, carried memories, continuum levels, diagnostics."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.small_models import GRID, HOPE, PATCHES, VIT, WIDTH, clips, small

from hopeworld.models.build import build_predictor
from hopeworld.models.hope.continuum import Level, initial_continuum, look_back
from hopeworld.models.hope.memory import Memory, Pairs
from hopeworld.models.hope.titan import Titan
from hopeworld.models.predictor import BadInput

LEVELS = [Level(HOPE, period) for period in HOPE.cms_periods]


def test_permuting_the_patches_permutes_the_output():
    settings = replace(HOPE, local_mixing=False)
    titan = Titan(settings, GRID, torch.Generator().manual_seed(0)).double()
    x = torch.randn(1, 3, 1 + PATCHES, settings.width, dtype=torch.float64)
    still = (torch.ones(3, 1 + PATCHES, 24).double(), torch.zeros(3, 1 + PATCHES, 24).double())
    order = torch.cat((torch.tensor([0]), 1 + torch.randperm(PATCHES)))
    one, _ = titan(x, still, titan.initial(1, PATCHES), None)
    other, _ = titan(x[:, :, order], still, titan.initial(1, PATCHES), None)
    assert torch.allclose(one[:, :, order], other, atol=1e-10)


def test_two_clips_of_eight_equal_one_pass_of_sixteen_but_for_time_and_convolution():
    predictor = build_predictor(replace(HOPE, local_mixing=False), GRID, WIDTH, 0).eval()
    latents, actions = clips(1, steps=16)
    whole, end = predictor.predict(predictor.initial(1), latents, actions)
    first, state = predictor.predict(predictor.initial(1), latents[:, :8], actions[:, :8])
    second, split_end = predictor.predict(state, latents[:, 8:], actions[:, 8:])
    assert torch.allclose(torch.cat((first, second), 1), whole, atol=1e-5)
    assert torch.allclose(end.mixers[-1].memory, split_end.mixers[-1].memory, atol=1e-5)
    assert predictor.new_clip(end).time == 0


def test_a_level_changes_only_at_multiples_of_its_period_across_clips():
    state = initial_continuum(HOPE, 1, torch.zeros(()))
    gradients = tuple(torch.ones_like(delta) for delta in state.deltas)
    for count in range(1, 41):
        changed = look_back(state, gradients, LEVELS, 1.0)
        for period, old, new in zip(HOPE.cms_periods, state.deltas, changed.deltas, strict=True):
            assert torch.equal(old, new) is bool(count % period), (count, period)
        state = changed
    assert state.transitions == 40


def test_without_gradient_a_level_only_decays():
    state = initial_continuum(HOPE, 1, torch.zeros(()))
    state = replace(state, deltas=tuple(torch.ones_like(d) for d in state.deltas))
    nothing = tuple(torch.zeros_like(d) for d in state.deltas)
    for _ in range(16):
        state = look_back(state, nothing, LEVELS, 1.0)
    for delta, updates in zip(state.deltas, (16, 4, 1), strict=True):
        assert torch.allclose(delta, torch.full_like(delta, 0.98**updates))


def test_an_update_is_clipped_at_norm_one():
    state = initial_continuum(HOPE, 1, torch.zeros(()))
    huge = tuple(torch.full_like(d, 1e6) for d in state.deltas)
    moved = look_back(state, huge, LEVELS, 1.0).deltas[0]
    assert torch.allclose(moved.flatten(2).norm(dim=-1), torch.ones(HOPE.depth, 1))


@pytest.mark.parametrize(("size", "clipped"), [(0.99, 0.0), (1.01, 1.0)])
def test_a_trace_says_whether_the_last_update_of_a_level_was_clipped(size, clipped):
    """Of the period 4 nothing before the first update, then that of the mean gradient."""
    predictor, (latents, actions) = small("hope"), clips(1)
    predictor.look_back_rate = 1.0
    state = predictor.initial(1)
    gradients = tuple(torch.ones_like(d) for d in state.continuum.deltas)
    gradients = tuple(size * g / g[0].norm() for g in gradients)
    said = []
    for _ in range(5):
        trace = {}
        predictor.predict(predictor.new_clip(state), latents[:, :1], actions[:, :1], trace)
        said.append([float(trace[0, f"cms_{period}", "clipped"][0]) for period in (1, 4)])
        levels = list(predictor.blocks[0].levels)
        state = replace(state, continuum=look_back(state.continuum, gradients, levels, 1.0))
    fast, slow = zip(*said, strict=True)
    assert str(fast) == str((float("nan"), *(clipped,) * 4))
    assert str(slow) == str((*(float("nan"),) * 4, clipped))


def test_observing_learns_and_the_learning_is_used():
    predictor, (latents, actions) = small("hope"), clips(1)
    predictor.look_back_rate = 1.0
    state, losses = predictor.initial(1), []
    for _ in range(30):
        prediction, state = predictor.predict(
            predictor.new_clip(state), latents[:, :1], actions[:, :1]
        )
        losses.append(float((prediction[:, 0] - latents[:, 1]).abs().mean().detach()))
        state = predictor.observe(state, prediction[:, 0], latents[:, 1])
    assert losses[-1] < losses[0]
    assert state.continuum.transitions == 30


def test_look_back_off_leaves_no_online_state():
    predictor = small("hope")
    state = predictor.initial(1)
    assert state.continuum is None
    assert predictor.observe(state, torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)) is state


def test_first_order_cuts_the_writes_but_not_the_initial_memories():
    full = small("hope")
    cut = build_predictor(replace(HOPE, first_order=True), GRID, WIDTH, 0)
    cut.load_state_dict(full.state_dict())
    latents, actions = clips(1)
    outputs = []
    for predictor in (full, cut):
        prediction, _ = predictor.predict(predictor.initial(1), latents, actions)
        prediction.square().mul(torch.arange(WIDTH)).sum().backward()
        outputs.append(prediction)
    assert torch.equal(*outputs)
    assert cut.blocks[0].mixer.memory.outer.grad.abs().sum() > 0
    differs = cut.blocks[0].mixer.project.weight.grad - full.blocks[0].mixer.project.weight.grad
    assert differs.abs().sum() > 0


def test_diagnostics_do_not_change_the_prediction_and_are_finite():
    predictor, (latents, actions) = small("hope"), clips(1)
    predictor.look_back_rate = 1.0
    plain, _ = predictor.predict(predictor.initial(1), latents, actions)
    trace = {}
    noted, _ = predictor.predict(predictor.initial(1), latents, actions, trace)
    assert torch.equal(plain, noted)
    names = {name for _, _, name in trace}
    assert {"surprise_before", "surprise_after", "grad_norm", "drift", "retained_share"} <= names
    for key in [key for key in trace if key[2] in ("retained_share", "clipped")]:
        assert torch.isnan(trace[key].pop(0)).all()  # of nothing
    assert all(torch.isfinite(note).all() for notes in trace.values() for note in notes)
    gain = torch.stack(trace[(0, "memory", "write_gain")])
    assert (gain > 0).all()


def foreign_states():
    """States that are not those of a small HOPE on a grid of 3 x 4 and a batch of two."""
    wide = replace(HOPE, width=96)
    yield "batch", small("hope").initial(1)
    yield "grid", build_predictor(HOPE, (3, 3), WIDTH, 0).initial(2)
    yield "width", build_predictor(wide, GRID, WIDTH, 0).initial(2)
    yield "depth", build_predictor(replace(HOPE, depth=3), GRID, WIDTH, 0).initial(2)
    yield "model", small("vit_ac").initial(2)
    yield "mixer", build_predictor(replace(HOPE, mixer="attention"), GRID, WIDTH, 0).initial(2)
    local = build_predictor(replace(HOPE, cms_loss="local"), GRID, WIDTH, 0)
    yield "online", local.initial(2)


@pytest.mark.parametrize(("what", "state"), list(foreign_states()))
def test_a_foreign_state_is_refused(what, state):
    predictor, (latents, actions) = small("hope"), clips(2)
    with pytest.raises(BadInput, match="start from initial"):
        predictor.predict(state, latents, actions)
    with pytest.raises(BadInput, match="start from initial"):
        predictor.rollout(state, latents[:, :1], actions, 2)


def test_a_vit_refuses_a_foreign_state():
    predictor, (latents, actions) = small("vit_ac"), clips(2)
    for state in (predictor.initial(1), small("hope").initial(2)):
        with pytest.raises(BadInput, match="start from initial"):
            predictor.predict(state, latents, actions)


def filled(settings, grid=GRID, **attributes):
    """A state in the middle of a clip of two samples."""
    predictor = build_predictor(settings, grid, WIDTH, 0).eval()
    for name, value in attributes.items():
        setattr(predictor, name, value)
    latents = torch.zeros(2, 3, grid[0] * grid[1], WIDTH)
    return predictor.predict(predictor.initial(2), latents, torch.zeros(2, 3, 2))[1]


def test_a_used_state_of_another_model_is_refused():
    attention = replace(HOPE, mixer="attention")
    looking = {"look_back_rate": 1.0}
    cases = [
        (VIT, filled(replace(VIT, depth=3)), {}),
        (VIT, filled(replace(VIT, depth=1)), {}),
        (VIT, filled(replace(VIT, heads=4)), {}),
        (attention, filled(attention, (3, 3)), {}),
        (HOPE, filled(replace(HOPE, cms_hidden=12), **looking), looking),
        (HOPE, filled(replace(HOPE, cms_periods=(1, 4)), **looking), looking),
    ]
    for settings, state, attributes in cases:
        predictor = build_predictor(settings, GRID, WIDTH, 0)
        for name, value in attributes.items():
            setattr(predictor, name, value)
        own = filled(settings, **attributes)
        predictor.predict(own, *clips(2))
        with pytest.raises(BadInput, match="start from initial"):
            predictor.predict(state, *clips(2))


def test_observing_needs_a_graph():
    predictor, (latents, actions) = small("hope"), clips(1)
    predictor.look_back_rate = 1.0
    with torch.no_grad():
        prediction, state = predictor.predict(predictor.initial(1), latents[:, :1], actions[:, :1])
    with pytest.raises(BadInput, match="no graph"):
        predictor.observe(state, prediction[:, 0], latents[:, 1])


def test_bfloat16_weights_keep_their_memory_in_float32():
    predictor, (latents, actions) = small("hope"), clips(1)
    exact, _ = predictor.predict(predictor.initial(1), latents, actions)
    rough = small("hope").bfloat16()
    prediction, state = rough.predict(rough.initial(1), latents.bfloat16(), actions)
    assert state.mixers[0].memory.dtype == torch.float32
    assert torch.isfinite(prediction).all()
    assert (prediction - exact).abs().mean() < 0.1
    prediction.sum().backward()


def test_a_write_that_cannot_be_solved_is_nan_and_not_a_number():
    memory = Memory(1, 1, (8, 8), None)
    same = torch.nn.functional.normalize(torch.ones(1, 1, 1, 257, 8), dim=-1)
    pairs = Pairs(same, same, torch.full((1, 1, 257), 1e8), torch.ones(1, 1))
    written = memory.write("proximal", memory.initial(1), pairs)
    exact = memory.double().write("proximal", memory.initial(1).double(), pairs.to(torch.float64))
    assert torch.isnan(written).all() or torch.allclose(written.double(), exact, rtol=1e-2)


def test_a_long_clip_goes_through_in_pieces_and_is_traced_whole():
    predictor, (latents, actions) = small("hope"), clips(1, steps=19)
    trace = {}
    whole, end = predictor.predict(predictor.initial(1), latents, actions, trace)
    state, parts = predictor.initial(1), []
    for t in range(19):
        part, state = predictor.predict(state, latents[:, t : t + 1], actions[:, t : t + 1])
        parts.append(part)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
    assert end.time == state.time == 19
    assert all(len(notes) == 19 for key, notes in trace.items() if key[1] == "memory")


@pytest.mark.parametrize("rule", ["delta", "dgd"])
@pytest.mark.parametrize(("hidden", "size", "clips"), [(8, 0.1, False), (8, 100.0, True)])
def test_an_explicit_write_of_an_mlp_says_whether_it_is_clipped(rule, hidden, size, clips):
    """Where it does, ten times the error changes nothing more."""
    memory, pairs = one_write(hidden, size)
    start = memory.initial(1)
    assert memory.clips(rule, start, pairs).tolist() == [[[clips]]]
    more = replace(pairs, error=10 * pairs.error)
    same = torch.allclose(memory.write(rule, start, pairs), memory.write(rule, start, more))
    assert same is clips


def test_a_write_without_a_bound_says_nothing_of_clips():
    memory, pairs = one_write(8, 100.0)
    assert memory.clips("proximal", memory.initial(1), pairs) is None
    linear, pairs = one_write(None, 100.0)
    assert linear.clips("delta", linear.initial(1), pairs) is None


def one_write(hidden: int | None, size: float) -> tuple[Memory, Pairs]:
    """A memory that knows nothing, and two pairs whose errors are `size`."""
    memory = Memory(1, 1, (4, 4), hidden)
    phi = torch.eye(hidden or 4)[None, None, None, :2]
    error = torch.full((1, 1, 1, 2, 4), size)
    return memory, Pairs(phi, error, torch.full((1, 1, 2), 0.4), torch.ones(1, 1))
