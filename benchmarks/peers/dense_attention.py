"""The denominator: block-causal attention written plainly, as Meta's V-JEPA 2-AC computes it.

It imports nothing of the project and stays as it is, so that ratios of different commits compare.
What makes it plain: one boolean mask [N, N] for the whole clip, cut and moved at every forward
pass; positions, cosines and sines computed anew in every block, for queries and for keys; action
and patch tokens projected and rotated apart and joined again; no cache, so a rollout repeats its
whole prefix at every step. A test holds it to ViT-AC's outputs, losses and gradients.
Source of the formulation: Assran et al. 2025 (V-JEPA 2), src/models/ac_predictor.py, with the
action token alone. Axes: B batch, T steps, P patches, N = T (1 + P) tokens, C width, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Sizes of the predictor; `steps` is the longest clip that the mask allows."""

    depth: int
    width: int
    heads: int
    hidden: int
    grid: tuple[int, int]
    feature_width: int
    steps: int


def block_causal_mask(steps: int, tokens: int) -> Bool[Tensor, "N N"]:
    """True where a token may look: its own step of `tokens` tokens and all earlier ones."""
    step = torch.arange(steps * tokens) // tokens
    return step[:, None] >= step[None, :]


class DenseAttention(nn.Module):
    """Attention over all tokens of a clip under a dense mask."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads = shape.heads
        self.grid = shape.grid
        self.axis_width = 2 * ((shape.width // shape.heads // 3) // 2)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.proj = nn.Linear(shape.width, shape.width)

    def forward(self, x: Float[Tensor, "B N C"], mask: Bool[Tensor, "N N"]) -> Tensor:
        """Attend from every token to those that the mask allows; [B, N, C]."""
        patches = self.grid[0] * self.grid[1]
        steps = x.shape[1] // (1 + patches)
        x = x.unflatten(1, (steps, 1 + patches))
        action_q, action_k, action_v = self._project(x[:, :, :1].flatten(1, 2))
        patch_q, patch_k, patch_v = self._project(x[:, :, 1:].flatten(1, 2))
        q = _join(self._rotate_actions(action_q), self._rotate_patches(patch_q), steps)
        k = _join(self._rotate_actions(action_k), self._rotate_patches(patch_k), steps)
        v = _join(action_v, patch_v, steps)
        read = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(read.transpose(1, 2).flatten(2))

    def _project(self, x: Float[Tensor, "B n C"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each [B, H, n, d]."""
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1], parts[2]

    def _rotate_actions(self, x: Float[Tensor, "B H T d"]) -> Tensor:
        n = self.axis_width
        time = torch.arange(x.shape[2], device=x.device)
        return torch.cat((rotate_axis(x[..., :n], time), x[..., n:]), -1)

    def _rotate_patches(self, x: Float[Tensor, "B H n d"]) -> Tensor:
        rows, columns = self.grid
        n, token = self.axis_width, torch.arange(x.shape[2], device=x.device)
        place = token % (rows * columns)
        positions = token // (rows * columns), place // columns, place % columns * (rows / columns)
        turned = [
            rotate_axis(x[..., i * n : (i + 1) * n], position)
            for i, position in enumerate(positions)
        ]
        return torch.cat((*turned, x[..., 3 * n :]), -1)


def rotate_axis(x: Float[Tensor, "B H n d"], position: Float[Tensor, "n"]) -> Tensor:
    """Rotate adjacent channels by the angles of one axis, tiled as Meta tiles them."""
    half = x.shape[-1] // 2
    frequency = 10000.0 ** -(torch.arange(half, device=x.device) / half)
    angle = position[:, None] * frequency
    cosine, sine = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
    even, odd = x.unflatten(-1, (half, 2)).unbind(-1)
    turned = torch.stack((-odd, even), -1).flatten(-2)
    return (x * cosine + turned * sine).to(x.dtype)


def _join(action: Float[Tensor, "B H T d"], patch: Float[Tensor, "B H n d"], steps: int) -> Tensor:
    """Every step's action token before its patches; [B, H, N, d]."""
    split = patch.unflatten(2, (steps, -1))
    return torch.cat((action[:, :, :, None], split), 3).flatten(2, 3)


class DenseBlock(nn.Module):
    """x += attention(LN x); x += mlp(LN x)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=1e-6)
        self.attn = DenseAttention(shape)
        self.norm2 = nn.LayerNorm(shape.width, eps=1e-6)
        self.mlp = nn.ModuleDict(
            {
                "fc1": nn.Linear(shape.width, shape.hidden),
                "fc2": nn.Linear(shape.hidden, shape.width),
            }
        )

    def forward(self, x: Float[Tensor, "B N C"], mask: Bool[Tensor, "N N"]) -> Tensor:
        """One block, [B, N, C]."""
        x = x + self.attn(self.norm1(x), mask)
        hidden = nn.functional.gelu(self.mlp["fc1"](self.norm2(x)))
        return x + self.mlp["fc2"](hidden)


class DensePredictor(nn.Module):
    """The whole predictor; its state dict has ViT-AC's names."""

    def __init__(self, shape: Shape):
        super().__init__()
        tokens = 1 + shape.grid[0] * shape.grid[1]
        self.mask = block_causal_mask(shape.steps, tokens)
        self.predictor_embed = nn.Linear(shape.feature_width, shape.width)
        self.action_encoder = nn.Linear(2, shape.width)
        self.predictor_blocks = nn.ModuleList(DenseBlock(shape) for _ in range(shape.depth))
        self.predictor_norm = nn.LayerNorm(shape.width, eps=1e-6)
        self.predictor_proj = nn.Linear(shape.width, shape.feature_width)

    def forward(
        self, features: Float[Tensor, "B T P D"], actions: Float[Tensor, "B T A"]
    ) -> Float[Tensor, "B T P D"]:
        """Standardised predictions of the next latent of every step."""
        action = self.action_encoder(actions)[:, :, None]
        x = torch.cat((action, self.predictor_embed(features)), 2)
        steps, tokens = x.shape[1:3]
        x = x.flatten(1, 2)
        mask = self.mask[: x.shape[1], : x.shape[1]].to(x.device)
        for block in self.predictor_blocks:
            x = block(x, mask)
        x = x.unflatten(1, (steps, tokens))[:, :, 1:]
        return standardised(self.predictor_proj(self.predictor_norm(x)))

    def rollout(
        self, features: Float[Tensor, "B 1 P D"], actions: Float[Tensor, "B h A"], horizon: int
    ) -> Float[Tensor, "B h P D"]:
        """Predict `horizon` steps on its own predictions, the whole prefix anew each time."""
        seen = features
        for step in range(1, horizon + 1):
            seen = torch.cat((seen, self(seen, actions[:, :step])[:, -1:]), 1)
        return seen[:, 1:]

    def loss(
        self,
        latents: Float[Tensor, "B T P D"],
        actions: Float[Tensor, "B T A"],
        rollout_steps: int,
    ) -> Float[Tensor, ""]:
        """Teacher forcing and rollout, mean absolute errors, added.

        The first step of the rollout is taken from teacher forcing; each later one runs the
        predictor on the whole prefix.
        """
        forced = self(latents[:, :-1], actions[:, :-1])
        seen = torch.cat((latents[:, :1], forced[:, :1]), 1)
        for step in range(2, rollout_steps + 1):
            seen = torch.cat((seen, self(seen, actions[:, :step])[:, -1:]), 1)
        rolled = (seen[:, 1:] - latents[:, 1 : rollout_steps + 1]).abs().mean()
        return (forced - latents[:, 1:]).abs().mean() + rolled


def standardised(x: Float[Tensor, "*b D"]) -> Float[Tensor, "*b D"]:
    """LayerNorm without scale and shift, eps 1e-5."""
    return nn.functional.layer_norm(x, x.shape[-1:], eps=1e-5)
