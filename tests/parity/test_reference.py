"""ViT-AC against a slow, literal reading of Meta's predictor: dense mask, token by token."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hopeworld.models.vit_ac import ViTAC
from hopeworld.settings import VitAC


def rotated(vector: Tensor, position: tuple[float, float, float]) -> Tensor:
    """Rotate one head vector: n channels per axis, angles tiled, adjacent channels paired."""
    channels = 2 * ((len(vector) // 3) // 2)
    out = vector.clone()
    for axis, place in enumerate(position):
        for j in range(channels):
            omega = 10000 ** (-(j % (channels // 2)) / (channels / 2))
            cosine, sine = math.cos(place * omega), math.sin(place * omega)
            first = axis * channels
            other = -vector[first + j + 1] if j % 2 == 0 else vector[first + j - 1]
            out[first + j] = vector[first + j] * cosine + other * sine
    return out


def positions(steps: int, grid: tuple[int, int]) -> list[tuple[float, float, float]]:
    """Time, row and column of every token; width positions are scaled by rows / columns."""
    rows, columns = grid
    places = []
    for t in range(steps):
        places.append((t, 0.0, 0.0))
        places += [(t, r, c * rows / columns) for r in range(rows) for c in range(columns)]
    return places


def reference(predictor: ViTAC, features: Tensor, actions: Tensor) -> Tensor:
    """The prediction before its LayerNorm, for one clip: features [t, P, D], actions [t, 2]."""
    weights, settings = predictor.state_dict(), predictor.settings
    steps, patches, _ = features.shape

    def linear(name: str, x: Tensor) -> Tensor:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, x: Tensor) -> Tensor:
        return functional.layer_norm(
            x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-6
        )

    action = linear("action_encoder", actions)[:, None]
    x = torch.cat((action, linear("predictor_embed", features)), 1).flatten(0, 1)
    step_of = torch.arange(steps).repeat_interleave(patches + 1)
    mask = step_of[:, None] >= step_of[None, :]
    places = positions(steps, predictor.grid)
    width = settings.width // settings.heads
    for layer in range(settings.depth):
        block = f"predictor_blocks.{layer}"
        q, k, v = linear(f"{block}.attn.qkv", norm(f"{block}.norm1", x)).chunk(3, -1)
        heads = []
        for head in range(settings.heads):
            part = slice(head * width, (head + 1) * width)
            rotate_all = zip(q[:, part], k[:, part], places, strict=True)
            turned = [(rotated(a, place), rotated(b, place)) for a, b, place in rotate_all]
            queries, keys = (torch.stack(side) for side in zip(*turned, strict=True))
            logits = queries @ keys.T / math.sqrt(width)
            heads.append(logits.masked_fill(~mask, -math.inf).softmax(-1) @ v[:, part])
        x = x + linear(f"{block}.attn.proj", torch.cat(heads, -1))
        hidden = linear(f"{block}.mlp.fc1", norm(f"{block}.norm2", x))
        x = x + linear(f"{block}.mlp.fc2", functional.gelu(hidden))
    x = x.view(steps, patches + 1, -1)[:, 1:]
    return linear("predictor_proj", norm("predictor_norm", x))


@pytest.mark.parametrize(("grid", "heads"), [((3, 3), 2), ((2, 4), 3), ((2, 2), 1)])
def test_vit_ac_is_the_slow_reference(grid, heads):
    settings = VitAC(depth=2, width=24 * heads, heads=heads, mlp_ratio=4.0, rope="meta")
    predictor = ViTAC(settings, grid, 10, torch.Generator().manual_seed(0)).double()
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
    features = torch.randn(4, grid[0] * grid[1], 10, generator=draw).double()
    actions = torch.randn(4, 2, generator=draw).double()
    out, _ = predictor(features[None], actions[None])
    assert torch.allclose(out[0], reference(predictor, features, actions), atol=1e-5)
