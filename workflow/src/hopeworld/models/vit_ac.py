"""ViT-AC: numerically Meta's V-JEPA 2 action-conditioned predictor, action-only.

Tokens of a step are the action token, then the patches row-major; steps follow each other. A step
sees itself and every earlier step (block-causal). The mask is never built: step i attends,
unmasked, to the keys of steps <= i. Slot k of the output predicts z_{k+1}. State-dict names are
Meta's.
Source: Assran et al. 2025 (V-JEPA 2), src/models/ac_predictor.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.predictor import Predictor, Trace, initialise, standardise
from hopeworld.models.rotary import Tables, rotary_tables, rotate
from hopeworld.settings import VitAC

Cache = tuple[Float[Tensor, "B H n d"], Float[Tensor, "B H n d"]]


@dataclass(frozen=True)
class ClipState:
    """This clip's past steps, and their keys and values while the parameters stay as they are."""

    features: Float[Tensor, "B t P D"]
    actions: Float[Tensor, "B t A"]
    cache: tuple[Cache, ...] | None


class Attention(nn.Module):
    """Block-causal attention with fused qkv and 3D RoPE."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B t S C"], tables: Tables, past: Cache | None
    ) -> tuple[Float[Tensor, "B t S C"], Cache]:
        """Attend from each new step to all steps up to it; returns the grown cache."""
        steps, tokens = x.shape[1:3]
        q, k, v = rearrange(self.qkv(x), "b t s (n h d) -> n b h t s d", n=3, h=self.heads)
        q, k = rotate(q, tables), rotate(k, tables)
        q, k, v = (rearrange(part, "b h t s d -> b h (t s) d") for part in (q, k, v))
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        seen = k.shape[2] - steps * tokens
        read = [
            nn.functional.scaled_dot_product_attention(
                q[:, :, i * tokens : (i + 1) * tokens],
                k[:, :, : seen + (i + 1) * tokens],
                v[:, :, : seen + (i + 1) * tokens],
            )
            for i in range(steps)
        ]
        return self.proj(rearrange(torch.stack(read, 1), "b t h s d -> b t s (h d)")), (k, v)


class Mlp(nn.Module):
    """Two layers with exact GELU."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "... C"]) -> Float[Tensor, "... C"]:
        """fc2(gelu(fc1 x))."""
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block: x += attention(LN x); x += mlp(LN x)."""

    def __init__(self, settings: VitAC):
        super().__init__()
        self.norm1 = nn.LayerNorm(settings.width, eps=1e-6)
        self.attn = Attention(settings.width, settings.heads)
        self.norm2 = nn.LayerNorm(settings.width, eps=1e-6)
        self.mlp = Mlp(settings.width, round(settings.mlp_ratio * settings.width))

    def forward(
        self, x: Float[Tensor, "B t S C"], tables: Tables, past: Cache | None
    ) -> tuple[Float[Tensor, "B t S C"], Cache]:
        """One block; returns the grown cache of keys and values."""
        read, cache = self.attn(self.norm1(x), tables, past)
        x = x + read
        return x + self.mlp(self.norm2(x)), cache


class ViTAC(Predictor):
    """Action-conditioned ViT predictor (attention over the clip so far)."""

    def __init__(
        self,
        settings: VitAC,
        grid: tuple[int, int],
        feature_width: int,
        generator: torch.Generator,
    ):
        super().__init__(grid, feature_width)
        self.settings = settings
        self.predictor_embed = nn.Linear(feature_width, settings.width)
        self.action_encoder = nn.Linear(2, settings.width)
        self.predictor_blocks = nn.ModuleList(Block(settings) for _ in range(settings.depth))
        self.predictor_norm = nn.LayerNorm(settings.width, eps=1e-6)
        self.predictor_proj = nn.Linear(settings.width, feature_width)
        initialise(self, generator)
        with torch.no_grad():
            for layer, block in enumerate(self.predictor_blocks, start=1):
                block.attn.proj.weight.div_((2 * layer) ** 0.5)
                block.mlp.fc2.weight.div_((2 * layer) ** 0.5)

    def initial(self, batch: int) -> ClipState:
        """Nothing seen yet."""
        weight = self.predictor_embed.weight
        features = weight.new_zeros(batch, 0, self.grid[0] * self.grid[1], self.feature_width)
        return ClipState(features, weight.new_zeros(batch, 0, 2), None)

    def new_clip(self, state: ClipState) -> ClipState:
        """A ViT carries nothing from clip to clip."""
        return ClipState(state.features[:, :0], state.actions[:, :0], None)

    def detach(self, state: ClipState) -> ClipState:
        """Cut the kept keys and values from the graph that made them."""
        cache = state.cache and tuple((k.detach(), v.detach()) for k, v in state.cache)
        return ClipState(state.features.detach(), state.actions.detach(), cache)

    def refresh(self, state: ClipState) -> ClipState:
        """Drop keys and values: the next prediction recomputes them from the kept steps."""
        return replace(state, cache=None)

    def observe(self, state: ClipState, prediction: Tensor, truth: Tensor) -> ClipState:
        """A ViT learns nothing online by itself."""
        return state

    def predict(
        self,
        state: ClipState,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], ClipState]:
        """Predict the next latent of each new step (see `Predictor.predict`)."""
        self.check(features, actions)
        new = features.shape[1]
        seen = torch.cat((state.features, features), 1)
        forces = torch.cat((state.actions, actions), 1)
        if state.cache is None:
            raw, cache = self.forward(seen, forces / self.action_scale)
        else:
            raw, cache = self.forward(features, actions / self.action_scale, state.cache)
        return standardise(raw[:, -new:]), ClipState(seen, forces, cache)

    def forward(
        self,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        past: tuple[Cache, ...] | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], tuple[Cache, ...]]:
        """The network itself: scaled actions in, predictions before their LayerNorm out."""
        steps, tokens = features.shape[1], features.shape[2] + 1
        start = 0 if past is None else past[0][0].shape[2] // tokens
        width = self.settings.width // self.settings.heads
        tables = rotary_tables(start, steps, self.grid, width, self.settings.rope, features.device)
        action = self.action_encoder(actions)[:, :, None]
        x = torch.cat((action, self.predictor_embed(features)), 2)
        grown = []
        for layer, block in enumerate(self.predictor_blocks):
            x, cache = block(x, tables, None if past is None else past[layer])
            grown.append(cache)
        return self.predictor_proj(self.predictor_norm(x[:, :, 1:])), tuple(grown)
