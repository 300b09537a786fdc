"""Encoder weights from files: both formats load to the same network, and no other is loaded."""

import hashlib
import json
import os
import pickle

import pytest
import torch
from tests.loopback_hub import write_entries
from tests.tiny_features import RESOURCES, TINY, encoder_settings
from transformers import VJEPA2Config, VJEPA2ForVideoClassification, VJEPA2Model

from hopeworld.features.manifest import WeightsError
from hopeworld.features.weights import Architecture, load_encoder


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def load(weights="random", architecture=TINY, seed=0, resources=RESOURCES):
    return load_encoder(encoder_settings(weights, seed=seed), architecture, resources)


def features(model):
    pixels = torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(pixels).last_hidden_state


def made(kind):
    """A tiny model made by transformers itself, all of it, biases not zero."""
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
        model = kind(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture
def reference():
    return made(VJEPA2Model)


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


def same(model, reference):
    torch.testing.assert_close(features(model), features(reference.encoder), atol=1e-5, rtol=0)


def test_transformers_folder_gives_the_features_of_its_model(reference, folder, capsys):
    model, origin = load(folder)
    same(model, reference)
    assert "transformers folder tiny, sha256" in origin
    out = capsys.readouterr().out
    sizes = [parameter.numel() for parameter in model.parameters()]
    assert f"features: read {len(sizes)} tensors, {sum(sizes):,} parameters, of {origin}" in out
    assert "others (predictor." in out


def test_shards_of_a_folder_are_read_by_its_index(reference, tmp_path):
    reference.save_pretrained(tmp_path, max_shard_size="50KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    (tmp_path / "other.safetensors").write_bytes(b"not of the model")
    same(load(tmp_path)[0], reference)
    shards[1].unlink()
    with pytest.raises(WeightsError, match=rf"1 of {len(shards)} files .*{shards[1].name}"):
        load(tmp_path)


def test_damaged_index_is_refused(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": ')
    with pytest.raises(WeightsError, match="no index of weights"):
        load(tmp_path)


def test_encoder_of_a_classifier_is_read(tmp_path):
    classifier = made(VJEPA2ForVideoClassification)
    classifier.save_pretrained(tmp_path)
    same(load(tmp_path)[0], classifier.vjepa2)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "backbone.", "module.backbone.", "backbone.module.", "module.module."]
)
@pytest.mark.parametrize("key", ["encoder", "target_encoder"])
def test_metas_file_gives_the_features_of_the_folder(reference, folder, tmp_path, prefix, key):
    state = meta_state(reference.encoder, prefix)
    others = {"predictor": {"w": torch.ones(2)}, "opt": {"state": {0: torch.ones(3)}}, "epoch": 3}
    model, _ = load(save(tmp_path / "vitl.pt", {key: state} | others))
    same(model, reference)
    torch.testing.assert_close(features(model), features(load(folder)[0]), atol=1e-5, rtol=0)


def test_target_encoder_comes_first_and_is_named(reference, tmp_path, capsys):
    state = meta_state(reference.encoder)
    zeros = {name: torch.zeros_like(value) for name, value in state.items()}
    checkpoint = {"encoder": zeros, "target_encoder": state, "lr": 0.1}
    model, origin = load(save(tmp_path / "v.pt", checkpoint))
    same(model, reference)
    assert "Meta v.pt, key target_encoder, sha256" in origin
    out = capsys.readouterr().out
    assert origin in out
    assert "left out 3 others (encoder, lr, module.backbone.pos_embed)" in out


@pytest.mark.parametrize("file", ["model.safetensors", "original/model.pth"])
def test_a_name_loads_what_its_pins_say(reference, folder, tmp_path, file):
    path = tmp_path / "weights" / "vjepa2" / file.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    (folder / "model.safetensors").rename(path)
    if path.suffix == ".pth":
        save(path, {"target_encoder": meta_state(reference.encoder)})
    content = path.read_bytes()
    entry = {"source": "", "revision": "", "licence": "", "file": file, "bytes": len(content)}
    entry["sha256"] = hashlib.sha256(content).hexdigest()
    model, origin = load("vjepa2", resources=write_entries(tmp_path, vjepa2=entry))
    same(model, reference)
    assert origin.endswith(f"sha256 {entry['sha256']}")


@pytest.mark.parametrize(
    ("checkpoint", "problem"),
    [
        ({"opt": {}, "predictor": {}}, "holds only opt, predictor"),
        ({f"blocks.{i}": torch.ones(1) for i in range(9)}, "blocks.0, blocks.1, blocks.2, ...;"),
        (torch.ones(3), "holds only Tensor"),
        ({"encoder": [1, 2]}, "no tensors by name under encoder"),
        ({"encoder": {"epoch": 3}}, "no tensors by name under encoder"),
    ],
)
def test_metas_file_without_an_encoder_says_what_it_holds(tmp_path, checkpoint, problem):
    with pytest.raises(WeightsError, match=problem):
        load(save(tmp_path / "vitl.pt", checkpoint))


def test_missing_and_unexpected_parameters_are_counted_and_listed(reference, tmp_path, capsys):
    state = meta_state(reference.encoder)
    for kind in ("weight", "bias"):
        for name in ("norm", "blocks.1.norm1"):
            del state[f"module.backbone.{name}.{kind}"]
    state["module.backbone.cls_token"] = torch.zeros(1)
    with pytest.raises(WeightsError) as caught:
        load(save(tmp_path / "vitl.pt", {"encoder": state}))
    first = "layer.1.norm1.bias, layer.1.norm1.weight, layernorm.bias, ..."
    assert f"4 missing ({first}), 1 unexpected (cls_token)" in str(caught.value)
    assert "\n" not in str(caught.value)
    out = capsys.readouterr().out.splitlines()
    assert "features: missing: layernorm.weight" in out
    assert "features: unexpected: cls_token" in out
    assert len([line for line in out if ": missing: " in line]) == 4


def test_weights_of_another_architecture_are_refused(folder):
    with pytest.raises(WeightsError, match="of another shape"):
        load(folder, Architecture(image_px=64, width=24, layers=2, heads=2, mlp_ratio=2.0))


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("num_attention_heads", 2, "num_attention_heads is 2, not 4"),
        ("num_attention_heads", None, "num_attention_heads is 16, not 4"),
        ("hidden_act", "relu", "hidden_act is relu, not gelu"),
        ("layer_norm_eps", 1e-5, "layer_norm_eps is 1e-05, not 1e-06"),
    ],
)
def test_folder_of_another_network_with_the_same_shapes_is_refused(folder, key, value, problem):
    config = json.loads((folder / "config.json").read_text()) | {key: value}
    stated = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(stated))
    with pytest.raises(WeightsError, match=rf"config\.json: not this encoder: {problem}"):
        load(folder)


def test_damaged_config_is_refused(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json: not a mapping in JSON"):
        load(folder)


@pytest.mark.parametrize("with_zip", [True, False])
def test_file_that_would_run_code_is_refused(reference, tmp_path, with_zip):
    trace = tmp_path / "was_here"
    checkpoint = {"encoder": meta_state(reference.encoder), "opt": Hostile(f"touch {trace}")}
    path = tmp_path / "vitl.pt"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=with_zip)
    with pytest.raises(
        WeightsError, match=r"more than tensors \(\w+\.system\)" if with_zip else "unreadable"
    ) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(pickle.dumps(checkpoint["opt"]))
    with pytest.raises(WeightsError, match="unreadable"):
        load(path)
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_cut_checkpoint_is_refused(reference, tmp_path, keep):
    path = save(tmp_path / "vitl.pt", {"encoder": meta_state(reference.encoder)})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(WeightsError, match="unreadable"):
        load(path)


def test_damaged_safetensors_file_is_refused(folder):
    (folder / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(WeightsError, match="unreadable"):
        load(folder)


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"neither model\.safetensors nor its index"):
        load(tmp_path)


def test_unknown_weights_list_what_is_known():
    with pytest.raises(WeightsError, match="use random, one of vjepa2-vitl"):
        load("vjepa3")
