"""Laws that both predictors obey through their one interface."""

from __future__ import annotations

import pytest
import torch
from tests.small_models import GRID, PATCHES, WIDTH, clips, small

from hopeworld.models.predictor import BadInput
from hopeworld.models.state import digest

BOTH = pytest.mark.parametrize("name", ["vit_ac", "hope"])


@BOTH
def test_future_inputs_do_not_change_past_outputs(name):
    predictor, (latents, actions) = small(name), clips(2)
    before, _ = predictor.predict(predictor.initial(2), latents, actions)
    latents, actions = latents.clone(), actions.clone()
    latents[:, 4:] += 1.0
    actions[:, 4:] -= 1.0
    after, _ = predictor.predict(predictor.initial(2), latents, actions)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@BOTH
def test_step_by_step_equals_one_pass(name):
    predictor, (latents, actions) = small(name), clips(2)
    whole, _ = predictor.predict(predictor.initial(2), latents, actions)
    state, parts = predictor.initial(2), []
    for t in range(latents.shape[1]):
        part, state = predictor.predict(state, latents[:, t : t + 1], actions[:, t : t + 1])
        parts.append(part)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


@BOTH
def test_recomputing_after_refresh_equals_the_kept_cache(name):
    predictor, (latents, actions) = small(name), clips(1)
    _, state = predictor.predict(predictor.initial(1), latents[:, :4], actions[:, :4])
    kept, _ = predictor.predict(state, latents[:, 4:], actions[:, 4:])
    again, _ = predictor.predict(predictor.refresh(state), latents[:, 4:], actions[:, 4:])
    assert torch.allclose(kept, again, atol=1e-5)


@BOTH
def test_a_sample_does_not_touch_another(name):
    predictor, (latents, actions) = small(name), clips(3)
    batch, _ = predictor.predict(predictor.initial(3), latents, actions)
    for i in range(3):
        single, _ = predictor.predict(predictor.initial(1), latents[i : i + 1], actions[i : i + 1])
        assert torch.allclose(batch[i : i + 1], single, atol=1e-5)


@BOTH
def test_the_action_reaches_the_patches_of_its_own_step(name):
    predictor, (latents, actions) = small(name), clips(1)
    before, _ = predictor.predict(predictor.initial(1), latents, actions)
    actions = actions.clone()
    actions[:, 3] += 1.0
    after, _ = predictor.predict(predictor.initial(1), latents, actions)
    moved = (after - before).abs().amax(-1)[0]
    assert (moved[:3] == 0).all()
    assert (moved[3] > 1e-4).all()


@BOTH
def test_every_parameter_gets_a_finite_gradient(name):
    predictor, (latents, actions) = small(name), clips(2)
    first, after = predictor.predict(predictor.initial(2), latents[:, :1], actions[:, :1])
    rest, _ = predictor.predict(after, latents[:, 1:], actions[:, 1:])
    torch.cat((first, rest), 1).square().mul(torch.arange(WIDTH)).sum().backward()
    for parameter_name, parameter in predictor.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@BOTH
def test_rollout_runs_on_its_own_predictions_and_leaves_the_state(name):
    predictor, (latents, actions) = small(name), clips(1)
    start = predictor.initial(1)
    before = digest(start, predictor)
    rolled = predictor.rollout(start, latents[:, :1], actions, 3)
    latent, state = latents[:, :1], start
    for t in range(3):
        latent, state = predictor.predict(state, latent, actions[:, t : t + 1])
        assert torch.allclose(rolled[:, t : t + 1], latent, atol=1e-5)
    assert digest(start, predictor) == before


@BOTH
def test_reset_starts_again_bitwise(name):
    predictor, (latents, actions) = small(name), clips(1)
    first, used = predictor.predict(predictor.initial(1), latents, actions)
    predictor.predict(predictor.new_clip(used), latents, actions)
    again, _ = predictor.predict(predictor.initial(1), latents, actions)
    assert torch.equal(first, again)


def test_the_vit_carries_nothing_and_hope_carries_its_memory():
    for name, carries in (("vit_ac", False), ("hope", True)):
        predictor, (latents, actions) = small(name), clips(1)
        fresh, used = predictor.predict(predictor.initial(1), latents, actions)
        carried, _ = predictor.predict(predictor.new_clip(used), latents, actions)
        assert torch.equal(fresh, carried) is not carries, name


@BOTH
def test_predictions_are_standardised(name):
    predictor, (latents, actions) = small(name), clips(2)
    predictions, _ = predictor.predict(predictor.initial(2), latents, actions)
    assert predictions.mean(-1).abs().max() < 1e-5
    assert (predictions.var(-1, unbiased=False) - 1).abs().max() < 1e-3


@BOTH
def test_bad_shapes_are_one_clear_line(name):
    predictor, (latents, actions) = small(name), clips(1)
    start = predictor.initial(1)
    with pytest.raises(BadInput, match=f"wanted \\[B, t, {PATCHES}, {WIDTH}\\]"):
        predictor.predict(start, latents[..., :-1], actions)
    with pytest.raises(BadInput, match="one force"):
        predictor.predict(start, latents, actions[:, :-1])
    with pytest.raises(BadInput, match="longer than the 7 actions"):
        predictor.rollout(start, latents[:, :1], actions, 8)
    assert GRID[0] * GRID[1] == PATCHES
