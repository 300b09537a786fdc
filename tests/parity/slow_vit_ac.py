"""A slow, literal reading of Meta's predictor: dense mask, one rotation matrix per position.

It shares no code with `hopeworld.models`. Everything is computed in float64 for one clip at a time
and recorded in the format that compare_with_meta.py reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ENCODERS = {"actions": "action_encoder", "states": "state_encoder"}
ENCODERS["extrinsics"] = "extrinsics_encoder"
Position = tuple[float, float, float]
Given = dict[str, Tensor | None]


@cache
def rotation(position: Position, width: int) -> Tensor:
    """The matrix that rotates a head vector: n channels per axis, angles tiled, adjacent pairs."""
    channels = 2 * ((width // 3) // 2)
    matrix = torch.eye(width, dtype=torch.float64)
    for axis, place in enumerate(position):
        for j in range(channels):
            omega = 10000 ** (-(j % (channels // 2)) / (channels / 2))
            row = axis * channels + j
            matrix[row, row] = math.cos(place * omega)
            if j % 2 == 0:
                matrix[row, row + 1] = -math.sin(place * omega)
            else:
                matrix[row, row - 1] = math.sin(place * omega)
    return matrix


def positions(steps: int, grid: tuple[int, int], conditions: int) -> list[Position]:
    """Time, row and column of every token; width positions are scaled by rows / columns."""
    rows, columns = grid
    places: list[Position] = []
    for t in range(steps):
        places += [(t, 0.0, 0.0)] * conditions
        places += [(t, r, c * rows / columns) for r in range(rows) for c in range(columns)]
    return places


@dataclass
class SlowViTAC:
    """Meta's predictor from its state dict (float64); `record` keeps what a pass computed."""

    weights: dict[str, Tensor]
    heads: int
    grid: tuple[int, int]
    record: dict[str, Any] = field(default_factory=dict)

    def __call__(self, features: Tensor, given: Given) -> Tensor:
        """Prediction before its LayerNorm, for clips [B, t, P, D] and conditions [B, t, A]."""
        clips = [
            self._clip(clip, {k: v if v is None else v[i] for k, v in given.items()})
            for i, clip in enumerate(features)
        ]
        self.record = {
            name: [torch.stack(parts) for parts in zip(*(c[name] for c in clips), strict=True)]
            for name in clips[0]
        }
        return self.record["out"][0]

    def _clip(self, features: Tensor, given: Given) -> dict[str, list[Tensor]]:
        steps = len(features)
        encoded = [self._linear(ENCODERS[k], v) for k, v in given.items() if v is not None]
        x = torch.cat((torch.stack(encoded, 1), self._linear("predictor_embed", features)), 1)
        tokens, conditions = x.shape[1], len(encoded)
        x = x.flatten(0, 1)
        step_of = torch.arange(steps).repeat_interleave(tokens)
        places = positions(steps, self.grid, conditions)
        found: dict[str, list[Tensor]] = {"tokens_in": [x], "block_out": []}
        depth = 1 + max(int(n.split(".")[1]) for n in self.weights if "predictor_blocks" in n)
        for layer in range(depth):
            x, q, k = self._block(f"predictor_blocks.{layer}", x, step_of, places)
            found["block_out"].append(x)
            if layer == 0:
                found |= {"q0": [q], "k0": [k]}
        kept = x.unflatten(0, (steps, tokens))[:, conditions:]
        out = self._linear("predictor_proj", self._norm("predictor_norm", kept))
        return found | {"out": [out]}

    def _block(
        self, block: str, x: Tensor, step_of: Tensor, places: list[Position]
    ) -> tuple[Tensor, Tensor, Tensor]:
        mask = step_of[:, None] >= step_of[None, :]
        q, k, v = self._linear(f"{block}.attn.qkv", self._norm(f"{block}.norm1", x)).chunk(3, -1)
        width = q.shape[1] // self.heads
        turns = torch.stack([rotation(place, width) for place in places])
        queries, keys, read = [], [], []
        for head in range(self.heads):
            part = slice(head * width, (head + 1) * width)
            queries.append((turns @ q[:, part, None])[..., 0])
            keys.append((turns @ k[:, part, None])[..., 0])
            logits = queries[-1] @ keys[-1].T / math.sqrt(width)
            read.append(logits.masked_fill(~mask, -math.inf).softmax(-1) @ v[:, part])
        x = x + self._linear(f"{block}.attn.proj", torch.cat(read, -1))
        hidden = self._linear(f"{block}.mlp.fc1", self._norm(f"{block}.norm2", x))
        x = x + self._linear(f"{block}.mlp.fc2", functional.gelu(hidden))
        return x, torch.stack(queries), torch.stack(keys)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias, eps=1e-6)


def train_step(model: SlowViTAC, z_raw: Tensor, given: Given, auto_steps: int) -> dict[str, Any]:
    """Losses and gradients of Meta's training step (app/vjepa_droid/train.py), uncached.

    z_raw [B, T, P, D]; the rollout reads the true states; its first step is teacher forcing's.
    """
    z = _norm(z_raw)

    def step(latents: Tensor) -> Tensor:
        count = latents.shape[1]
        return _norm(
            model(latents, {k: v if v is None else v[:, :count] for k, v in given.items()})
        )

    z_tf = step(z[:, :-1])
    latents = torch.cat((z[:, :1], z_tf[:, :1]), 1)
    for _ in range(1, auto_steps):
        latents = torch.cat((latents, step(latents)[:, -1:]), 1)
    z_ar = latents[:, 1:]
    jloss = (z_tf - z[:, 1:]).abs().mean()
    sloss = (z_ar - z[:, 1 : auto_steps + 1]).abs().mean()
    names = [name for name, weight in model.weights.items() if weight.requires_grad]
    loss = jloss + sloss
    wanted = torch.autograd.grad(loss, [model.weights[name] for name in names])
    return {
        **given,
        "auto_steps": auto_steps,
        "z_raw": z_raw.flatten(1, 2),
        "z": z.flatten(1, 2),
        "z_tf": z_tf.flatten(1, 2),
        "z_ar": z_ar.flatten(1, 2),
        "jloss": jloss,
        "sloss": sloss,
        "loss": loss,
        "grads": dict(zip(names, wanted, strict=True)),
    }


def _norm(x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], eps=1e-5)
