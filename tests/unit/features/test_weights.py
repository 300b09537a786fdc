"""Encoder weights: random ones are Meta's initialisation, both formats load to the same network."""

import math

import numpy as np
import pytest
import torch
from tests.tiny_features import RESOURCES, TINY, encoder_settings
from transformers import VJEPA2Config, VJEPA2Model

from hopeworld.features.manifest import WeightsError
from hopeworld.features.weights import Architecture, load_encoder, vit_large

WIDE = Architecture(image_px=32, width=192, layers=3, heads=4, mlp_ratio=2.0)


def load(weights="random", architecture=TINY, seed=0):
    return load_encoder(encoder_settings(weights, seed=seed), architecture, RESOURCES)


def features(model):
    pixels = torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(pixels).last_hidden_state


@pytest.fixture
def reference():
    """A tiny model made by transformers itself, predictor included, biases not zero."""
    config = VJEPA2Config(
        crop_size=64,
        frames_per_clip=16,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        mlp_ratio=2.0,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = VJEPA2Model(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture
def folder(reference, tmp_path):
    reference.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def meta_state(encoder, prefix="module.backbone."):
    """The state of an encoder under Meta's names, with fused qkv and the unused pos_embed."""
    ours = encoder.state_dict()
    state = {"pos_embed": torch.zeros(1, 8, 48)}
    for kind in ("weight", "bias"):
        state[f"patch_embed.proj.{kind}"] = ours[f"embeddings.patch_embeddings.proj.{kind}"]
        state[f"norm.{kind}"] = ours[f"layernorm.{kind}"]
        for block in range(2):
            mine, theirs = f"layer.{block}.", f"blocks.{block}."
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                state[f"{theirs}{name}.{kind}"] = ours[f"{mine}{name}.{kind}"]
            state[f"{theirs}attn.proj.{kind}"] = ours[f"{mine}attention.proj.{kind}"]
            parts = [ours[f"{mine}attention.{part}.{kind}"] for part in ("query", "key", "value")]
            state[f"{theirs}attn.qkv.{kind}"] = torch.cat(parts)
    return {prefix + name: value.clone() for name, value in state.items()}


def save(path, checkpoint):
    torch.save(checkpoint, path)
    return path


def test_random_weights_follow_the_seed():
    one, again, other = (load(seed=seed)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["layer.0.mlp.fc1.weight"], other["layer.0.mlp.fc1.weight"])
    assert not torch.equal(one["layer.0.mlp.fc1.weight"], one["layer.1.mlp.fc1.weight"])


def test_random_weights_do_not_touch_the_global_generators():
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    load()
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == before_numpy).all()  # noqa: NPY002


def test_random_weights_have_the_statistics_of_metas_initialisation():
    for name, value in load(architecture=WIDE)[0].named_parameters():
        if value.ndim == 1:
            is_scale = "norm" in name and name.endswith("weight")
            assert (value == float(is_scale)).all(), name
            continue
        block = int(name.split(".")[1]) if name.startswith("layer.") else 0
        shrunk = name.endswith(("attention.proj.weight", "mlp.fc2.weight"))
        std = 0.02 / math.sqrt(2 * (block + 1)) if shrunk else 0.02
        assert value.std().item() == pytest.approx(std, rel=0.02), name
        assert abs(value.mean().item()) < 5 * std / math.sqrt(value.numel()), name


def test_random_weights_are_the_same_network_in_every_dtype():
    settings = encoder_settings()
    low = load_encoder(type(settings)("random", 0, "tubelet", "bfloat16", 4), TINY, RESOURCES)[0]
    for (name, value), rounded in zip(load()[0].named_parameters(), low.parameters(), strict=True):
        assert rounded.dtype == torch.bfloat16
        assert torch.equal(value.bfloat16(), rounded), name


def test_loaded_encoder_is_frozen_and_named():
    model, origin = load()
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert origin == "random (seed 0, not pretrained)"


def test_vit_large_has_the_published_size():
    sizes = vit_large(128)
    assert (sizes.width, sizes.layers, sizes.heads, sizes.grid) == (1024, 24, 16, 8)


def test_transformers_folder_gives_the_features_of_its_model(reference, folder):
    model, origin = load(folder)
    torch.testing.assert_close(features(model), features(reference.encoder), atol=1e-5, rtol=0)
    assert "transformers folder tiny, sha256" in origin


@pytest.mark.parametrize("prefix", ["", "module.", "module.backbone."])
def test_metas_file_gives_the_same_features(reference, tmp_path, prefix):
    state = meta_state(reference.encoder, prefix)
    model, _ = load(save(tmp_path / "vitl.pt", {"encoder": state, "epoch": 3}))
    torch.testing.assert_close(features(model), features(reference.encoder), atol=1e-5, rtol=0)


def test_target_encoder_comes_first_and_is_named(reference, tmp_path, capsys):
    state = meta_state(reference.encoder)
    zeros = {name: torch.zeros_like(value) for name, value in state.items()}
    model, origin = load(save(tmp_path / "v.pt", {"encoder": zeros, "target_encoder": state}))
    torch.testing.assert_close(features(model), features(reference.encoder), atol=1e-5, rtol=0)
    assert "Meta v.pt, key target_encoder, sha256" in origin
    assert "`target_encoder`" in capsys.readouterr().out


def test_metas_file_without_an_encoder_says_what_it_holds(tmp_path):
    path = save(tmp_path / "vitl.pt", {"opt": {}, "predictor": {}})
    with pytest.raises(WeightsError, match="holds only opt, predictor"):
        load(path)


def test_missing_and_unexpected_parameters_are_counted(reference, tmp_path):
    state = meta_state(reference.encoder)
    del state["module.backbone.norm.bias"]
    state["module.backbone.cls_token"] = torch.zeros(1)
    path = save(tmp_path / "vitl.pt", {"encoder": state})
    with pytest.raises(WeightsError) as caught:
        load(path)
    assert "1 missing (first: layernorm.bias)" in str(caught.value)
    assert "1 unexpected (first: cls_token)" in str(caught.value)


def test_weights_of_another_architecture_are_refused(folder):
    with pytest.raises(WeightsError, match="of another shape"):
        load(folder, Architecture(image_px=64, width=24, layers=2, heads=2, mlp_ratio=2.0))


def test_file_that_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "vitl.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="unreadable"):
        load(path)


def test_damaged_safetensors_file_is_refused(folder):
    (folder / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(WeightsError, match="unreadable"):
        load(folder)


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"no \*\.safetensors"):
        load(tmp_path)


def test_unknown_weights_list_what_is_known():
    with pytest.raises(WeightsError, match="use random, one of vjepa2-vitl"):
        load("vjepa3")
