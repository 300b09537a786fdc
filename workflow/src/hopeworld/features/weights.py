"""The frozen encoder, V-JEPA 2 ViT-L/16, with the weights that the settings name.

`random` is Meta's initialisation: every weight N(0, 0.02), biases 0, LayerNorm 1 and 0, and in
block l = 1 ... L the output weights of attention and MLP divided by sqrt(2 l)
(facebookresearch/vjepa2, src/models/vision_transformer.py). Random features prove nothing about
V-JEPA; the origin string that goes into every shard says so.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import VJEPA2Config, VJEPA2Model

from hopeworld.features.checkpoints import Checkpoint, few, read_checkpoint
from hopeworld.features.manifest import WeightsError, locate
from hopeworld.files import read_json
from hopeworld.settings import CLIP_FRAMES, PATCH_PX, TUBELET_FRAMES, Encoder

INITIAL_STD = 0.02
SHAPELESS = ("num_attention_heads", "hidden_act", "layer_norm_eps")
"""Keys of a model's config.json that change its features, but no parameter's name or shape."""


@dataclass(frozen=True)
class Architecture:
    """The sizes of a V-JEPA 2 encoder for square clips of `image_px`."""

    image_px: int
    width: int
    layers: int
    heads: int
    mlp_ratio: float

    @property
    def grid(self) -> int:
        """Patches along one side of the image."""
        return self.image_px // PATCH_PX


def vit_large(image_px: int) -> Architecture:
    """ViT-L/16, 304 million parameters (Assran et al. 2025, V-JEPA 2)."""
    return Architecture(image_px, width=1024, layers=24, heads=16, mlp_ratio=4.0)


def load_encoder(
    settings: Encoder, architecture: Architecture, resources: Path
) -> tuple[nn.Module, str]:
    """Return the frozen encoder in `settings.dtype` on the CPU, and where its weights come from.

    `resources` is the folder of weights.yaml. Prints what was read, or every parameter that does
    not fit. Raises `WeightsError`, one line, if the weights are not there or do not fit
    `architecture`.
    """
    dtype = getattr(torch, settings.dtype)
    encoder = _skeleton(architecture)
    if settings.weights == "random":
        _initialise(encoder, settings.seed, dtype)
        return _frozen(encoder), f"random (seed {settings.seed}, not pretrained)"
    path, sha256 = locate(settings.weights, resources)
    checkpoint = read_checkpoint(path, sha256)
    _compare(checkpoint, encoder.state_dict(), path)
    _compare_config(encoder.config, path / "config.json")
    state = {name: value.to(dtype) for name, value in checkpoint.state.items()}
    encoder.load_state_dict(state, assign=True)
    return _frozen(encoder), checkpoint.origin


def _skeleton(architecture: Architecture) -> nn.Module:
    """Build the encoder without memory: on the meta device, so nothing is drawn twice."""
    config = VJEPA2Config(
        crop_size=architecture.image_px,
        patch_size=PATCH_PX,
        tubelet_size=TUBELET_FRAMES,
        frames_per_clip=CLIP_FRAMES,
        hidden_size=architecture.width,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        mlp_ratio=architecture.mlp_ratio,
        pred_num_hidden_layers=1,
    )
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        return VJEPA2Model(config).encoder


def _initialise(encoder: nn.Module, seed: int, dtype: torch.dtype) -> None:
    """Fill every parameter from a stream of its own, several at a time."""
    shapes = {name: parameter.shape for name, parameter in encoder.named_parameters()}
    streams = np.random.SeedSequence(seed).spawn(len(shapes))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        values = pool.map(_draw, shapes, shapes.values(), streams, repeat(dtype))
        encoder.load_state_dict(dict(zip(shapes, values, strict=True)), assign=True)


def _draw(
    name: str, shape: torch.Size, stream: np.random.SeedSequence, dtype: torch.dtype
) -> torch.Tensor:
    """Draw one parameter in float32 and round: the same network in every dtype."""
    if len(shape) == 1:
        is_scale = "norm" in name and name.endswith("weight")
        return torch.full(shape, float(is_scale), dtype=dtype)
    generator = torch.Generator().manual_seed(int(stream.generate_state(1, np.uint64)[0]))
    std = INITIAL_STD / _depth_factor(name)
    return torch.empty(shape, dtype=torch.float32).normal_(0.0, std, generator=generator).to(dtype)


def _depth_factor(name: str) -> float:
    """sqrt(2 l) for the output weights of block l, from 1; 1 for all others."""
    if not name.endswith(("attention.proj.weight", "mlp.fc2.weight")):
        return 1.0
    return math.sqrt(2 * (int(name.split(".")[1]) + 1))


def _compare_config(config: VJEPA2Config, path: Path) -> None:
    """Raise `WeightsError` where the config.json of a folder, if there is one, says otherwise."""
    if not path.is_file():
        return
    try:
        stated = dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise WeightsError(path, "not a mapping in JSON", "copy the folder again") from error
    usual = VJEPA2Config()
    for key in SHAPELESS:
        found, expected = stated.get(key, getattr(usual, key)), getattr(config, key)
        if found != expected:
            problem = f"not this encoder: {key} is {found}, not {expected}"
            raise WeightsError(path, problem, "use ViT-L/16 weights")


def _compare(checkpoint: Checkpoint, expected: dict[str, torch.Tensor], path: Path) -> None:
    """Print what was read; raise `WeightsError` unless it is every parameter, and no other."""
    state = checkpoint.state
    problems = {
        "missing": sorted(expected.keys() - state.keys()),
        "unexpected": sorted(state.keys() - expected.keys()),
        "of another shape": sorted(
            name
            for name in expected.keys() & state.keys()
            if state[name].shape != expected[name].shape
        ),
    }
    found = [f"{len(names)} {k} ({few(names)})" for k, names in problems.items() if names]
    if found:
        for kind, names in problems.items():
            for name in names:
                print(f"features: {kind}: {name}", flush=True)
        problem = f"not this encoder: {', '.join(found)}"
        raise WeightsError(path, problem, "use ViT-L/16 weights; the log lists all names")
    count = sum(value.numel() for value in state.values())
    print(f"features: read {len(state)} tensors, {count:,} parameters, of {checkpoint.origin}")
    if checkpoint.unused:
        print(f"features: left out {len(checkpoint.unused)} others ({few(checkpoint.unused)})")


def _frozen(encoder: nn.Module) -> nn.Module:
    return encoder.eval().requires_grad_(False)
