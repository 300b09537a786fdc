"""State dicts of Meta's and of our own are loaded strictly, with a report."""

from __future__ import annotations

import pytest
import torch
from tests.small_models import GRID, VIT, WIDTH, clips, small

from hopeworld.models.state_dicts import WrongWeights, load_weights, vit_ac_from
from hopeworld.models.vit_ac import Conditions, ViTAC


def published(conditions: Conditions) -> dict[str, torch.Tensor]:
    """A state dict as Meta's code makes one: always an extrinsics_encoder, never our buffer."""
    predictor = ViTAC(VIT, GRID, WIDTH, torch.Generator().manual_seed(3), conditions)
    weights = predictor.state_dict()
    del weights["action_scale"]
    unused = torch.nn.Linear(conditions.action_width - 1, VIT.width)
    return {f"extrinsics_encoder.{k}": v.data for k, v in unused.named_parameters()} | weights


def encoder_weights() -> dict[str, torch.Tensor]:
    return {"patch_embed.proj.weight": torch.ones(2, 2), "blocks.0.norm1.weight": torch.ones(2)}


def test_our_own_state_dict_is_loaded_with_the_action_scale():
    source, target = small("vit_ac", seed=1), small("vit_ac", seed=2)
    source.action_scale.fill_(3.0)
    report = load_weights(target, source.state_dict())
    assert str(report) == f"{len(source.state_dict())} tensors loaded"
    assert all(torch.equal(v, source.state_dict()[k]) for k, v in target.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.backbone."])
@pytest.mark.parametrize("nested", [False, True])
def test_a_published_state_dict_is_loaded_and_reported(prefix, nested):
    target = small("vit_ac")
    target.action_scale.fill_(2.0)
    weights = published(Conditions())
    named = {prefix + name: tensor for name, tensor in weights.items()}
    checkpoint = {"encoder": encoder_weights(), "predictor": named, "epoch": 3}
    report = load_weights(target, checkpoint if nested else named)
    assert report.loaded == len(weights) - 2
    assert report.ignored == ("extrinsics_encoder.weight", "extrinsics_encoder.bias")
    assert report.kept == ("action_scale",)
    stripped = [f"{part}." for part in prefix.split(".") if part]
    assert report.stripped == (*(["predictor:"] if nested else []), *stripped)
    assert "ignored extrinsics_encoder.weight" in str(report)
    assert len(str(report).splitlines()) == 1
    assert target.action_scale == 2
    assert torch.equal(target.predictor_proj.weight, weights["predictor_proj.weight"])


@pytest.mark.parametrize(
    "conditions",
    [Conditions(), Conditions(7, state=True), Conditions(7, state=True, extrinsics=True)],
)
def test_a_predictor_is_built_from_its_weights(conditions):
    weights = published(conditions)
    predictor, report = vit_ac_from(weights, GRID, VIT.heads, conditions.extrinsics)
    assert predictor.conditions == conditions
    assert predictor.settings == VIT
    assert bool(report.ignored) is not conditions.extrinsics
    assert torch.equal(predictor.action_encoder.weight, weights["action_encoder.weight"])


def test_a_state_token_is_not_dropped_silently():
    with pytest.raises(
        WrongWeights, match=r"left over: state_encoder\.weight, state_encoder\.bias"
    ):
        load_weights(small("vit_ac"), published(Conditions(state=True)))


def test_weights_that_do_not_fit_change_nothing():
    target = small("vit_ac")
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    short, wide = published(Conditions()), published(Conditions())
    del short["predictor_norm.bias"]
    wide["predictor_proj.bias"] = torch.ones(WIDTH + 1)
    with pytest.raises(WrongWeights, match=r"missing: predictor_norm\.bias; load them"):
        load_weights(target, short)
    with pytest.raises(WrongWeights, match=r"predictor_proj.bias \(21,\), wanted \(20,\)"):
        load_weights(target, wide)
    assert all(torch.equal(before[k], v) for k, v in target.state_dict().items())


@pytest.mark.parametrize(
    ("weights", "kind"),
    [
        (lambda: small("hope").state_dict(), "a HOPE predictor's"),
        (encoder_weights, "an encoder's"),
        (lambda: {"encoder.embeddings.patch_embeddings.proj.bias": torch.ones(2)}, "an encoder's"),
        (lambda: {"mask_tokens.0": torch.ones(2)}, "masked pre-training"),
        (lambda: {"other": torch.ones(2)}, "they hold other"),
    ],
)
def test_weights_of_another_kind_are_named(weights, kind):
    with pytest.raises(WrongWeights, match=kind) as refused:
        load_weights(small("vit_ac"), weights())
    assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(WrongWeights, match=kind):
        vit_ac_from(weights(), GRID, VIT.heads)


def test_vit_ac_weights_do_not_go_into_hope():
    with pytest.raises(WrongWeights, match="they are a ViT-AC's"):
        load_weights(small("hope"), small("vit_ac").state_dict())


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"predictor": {}}])
def test_what_holds_no_tensors_is_refused(content):
    with pytest.raises(WrongWeights, match="not a state dict"):
        load_weights(small("vit_ac"), content)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(WrongWeights, match="width 48 is no multiple of 5 heads"):
        vit_ac_from(published(Conditions()), GRID, 5)


def test_a_rebuilt_predictor_predicts_the_same():
    source, (latents, actions) = small("vit_ac"), clips(1, 3)
    rebuilt, _ = vit_ac_from(source.state_dict(), GRID, VIT.heads)
    assert torch.equal(source(latents, actions)[0], rebuilt(latents, actions)[0])
