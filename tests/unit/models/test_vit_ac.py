"""ViT-AC: cache, length, memory, precision, conditions."""

from __future__ import annotations

import math

import pytest
import torch
from tests.small_models import GRID, PATCHES, VIT, WIDTH, clips, small
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hopeworld.models.attention import Attention
from hopeworld.models.predictor import BadInput, standardise
from hopeworld.models.rotary import rotary_tables
from hopeworld.models.vit_ac import Conditions, ViTAC

ROBOT = Conditions(action_width=7, state=True, extrinsics=True)


def robot() -> ViTAC:
    return ViTAC(VIT, GRID, WIDTH, torch.Generator().manual_seed(0), ROBOT)


def robot_clip(steps: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    widths = {"actions": 7, "states": 7, "extrinsics": 6}
    given = {name: torch.randn(1, steps, width, generator=draw) for name, width in widths.items()}
    return {"features": clips(1, steps)[0], **given}


def cut(inputs: dict[str, torch.Tensor], start: int, stop: int) -> dict[str, torch.Tensor]:
    return {name: value[:, start:stop] for name, value in inputs.items()}


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that any operation made."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor)]
        self.elements = max([self.elements, *(t.numel() for t in tensors)])
        return made


def test_clips_may_have_any_length():
    predictor, (latents, actions) = small("vit_ac"), clips(1, steps=20)
    whole, _ = predictor.predict(predictor.initial(1), latents, actions)
    state, parts = predictor.initial(1), []
    for start in range(0, 20, 3):
        part, state = predictor.predict(
            state, latents[:, start : start + 3], actions[:, start : start + 3]
        )
        parts.append(part)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


@pytest.mark.parametrize("seen", [0, 1, 5])
def test_a_cached_rollout_is_the_uncached_one_with_its_gradients(seen):
    predictor, (latents, actions) = small("vit_ac").double(), clips(1, steps=12)
    latents, actions = latents.double(), actions.double()
    state = predictor.initial(1)
    if seen:
        _, state = predictor.predict(state, latents[:, :seen], actions[:, :seen])

    def gradients(rolled):
        loss = (rolled * torch.arange(WIDTH)).square().mean()
        return torch.autograd.grad(loss, list(predictor.parameters()))

    now, later = latents[:, seen : seen + 1], actions[:, seen : seen + 5]
    cached = predictor.rollout(state, now, later, 5)
    refreshed = predictor.rollout(predictor.refresh(state), now, later, 5)
    uncached = latents[:, : seen + 1]
    for step in range(5):
        done, _ = predictor(uncached, actions[:, : seen + step + 1])
        uncached = torch.cat((uncached, standardise(done[:, -1:])), 1)
    uncached = uncached[:, seen + 1 :]
    assert torch.allclose(cached, uncached, atol=1e-9)
    assert torch.allclose(refreshed, uncached, atol=1e-9)
    for one, other in zip(gradients(cached), gradients(uncached), strict=True):
        assert torch.allclose(one, other, atol=1e-9)


def test_no_tensor_is_as_large_as_a_mask():
    predictor, (latents, actions) = small("vit_ac"), clips(1, steps=64)
    pairs = (64 * (PATCHES + 1)) ** 2
    with LargestTensor() as largest:
        predictor(latents, actions)[0].sum().backward()
    assert largest.elements < pairs / 4


def test_pure_bfloat16_works():
    predictor, (latents, actions) = small("vit_ac"), clips(1)
    exact, _ = predictor.predict(predictor.initial(1), latents, actions)
    rolled = predictor.rollout(predictor.initial(1), latents[:, :1], actions, 3)
    predictor.bfloat16()
    for dtype in (torch.float32, torch.bfloat16):
        latents, actions = latents.to(dtype), actions.to(dtype)
        close, _ = predictor.predict(predictor.initial(1), latents, actions)
        assert close.dtype == torch.bfloat16
        assert (close - exact).abs().mean() < 0.05
        again = predictor.rollout(predictor.initial(1), latents[:, :1], actions, 3)
        assert (again - rolled).abs().mean() < 0.05
        (close * torch.arange(WIDTH)).square().sum().backward()
        for name, parameter in predictor.named_parameters():
            assert torch.isfinite(parameter.grad).all(), name


def test_every_condition_reaches_the_patches_of_its_own_step_and_no_earlier():
    predictor, inputs = robot(), robot_clip(4)
    before, _ = predictor(**inputs)
    for name in ("actions", "states", "extrinsics"):
        changed = {**inputs, name: inputs[name].clone()}
        changed[name][:, 2] += 1
        moved = (predictor(**changed)[0] - before).abs().amax(-1)[0]
        assert (moved[:2] == 0).all()
        assert (moved[2] > 0).all()


def test_the_cache_holds_conditions_too():
    predictor, inputs = robot(), robot_clip(5)
    whole, _ = predictor(**inputs)
    first, past = predictor(**cut(inputs, 0, 2))
    rest, _ = predictor(**cut(inputs, 2, 5), past=past)
    assert torch.allclose(torch.cat((first, rest), 1), whole, atol=1e-5)


def test_conditions_that_do_not_fit_are_one_clear_line():
    predictor, inputs = robot(), robot_clip(3)
    without = {name: value for name, value in inputs.items() if name != "states"}
    with pytest.raises(BadInput, match="reads the conditions action, state, extrinsics, given"):
        predictor(**without)
    with pytest.raises(BadInput, match=r"state: shape \(1, 3, 6\), wanted \(1, 3, 7\)"):
        predictor(**{**inputs, "states": inputs["states"][..., :6]})
    latents, actions = clips(1, 3)
    with pytest.raises(BadInput, match="reads the conditions action, given were action, state"):
        small("vit_ac")(latents, actions, states=actions)
    with pytest.raises(BadInput, match="predict and rollout know 2D forces alone"):
        predictor.predict(predictor.initial(1), *clips(1, 3))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_features_that_are_no_numbers_are_refused(value):
    predictor, (latents, actions) = small("vit_ac"), clips(1)
    latents[0, 0, 2, 3] = value
    with pytest.raises(BadInput, match="NaN or Inf"):
        predictor.predict(predictor.initial(1), latents, actions)


@pytest.mark.filterwarnings("ignore")  # the compiler sets off some of its own
def test_compiled_attention_is_the_same():
    torch.manual_seed(0)
    attention, x = Attention(24, 2), torch.randn(1, 3, PATCHES + 1, 24)
    tables = rotary_tables(0, 3, GRID, 12, "meta", x.device)

    def gradients(run):
        read, cache = run(x, tables, None)
        again, _ = run(x, tables, cache)
        loss = read.square().sum() + again.square().sum()
        return torch.autograd.grad(loss, list(attention.parameters()))

    plain, compiled = attention, torch.compile(attention, backend="aot_eager", fullgraph=True)
    for one, other in zip(gradients(plain), gradients(compiled), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-4)
