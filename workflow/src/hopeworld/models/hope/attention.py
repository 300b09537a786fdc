"""HOPE-Attention: block-causal attention in the place of the Titan memory, as an ablation.

Behrouz et al. 2025 call the pair of attention and continuum memory system HOPE-Attention. It is
ViT-AC's mixer behind the Titan layer's interface; keys and values of a clip are its memory, and a
new clip starts without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.attention import Attention, Cache
from hopeworld.models.hope.trace import Diary
from hopeworld.models.predictor import initialise
from hopeworld.models.rotary import Tables
from hopeworld.settings import Hope


@dataclass(frozen=True)
class AttentionState:
    """Keys and values of the clip so far."""

    keys: Float[Tensor, "B H n d"]
    values: Float[Tensor, "B H n d"]

    @property
    def length(self) -> int:
        """Tokens seen, n."""
        return self.keys.shape[2]


class AttentionMixer(nn.Module):
    """Attention that carries nothing from clip to clip."""

    def __init__(self, settings: Hope, generator: torch.Generator):
        super().__init__()
        self.attention = Attention(settings.width, settings.heads)
        initialise(self, generator)

    @property
    def out(self) -> nn.Linear:
        """The out-projection, by the name that the Titan layer has for it."""
        return self.attention.proj

    def initial(self, batch: int, patches: int) -> AttentionState:
        """Nothing seen yet."""
        heads = self.attention.heads
        weight = self.attention.proj.weight
        empty = weight.new_zeros(batch, heads, 0, len(weight) // heads)
        return AttentionState(empty, empty)

    def new_clip(self, state: AttentionState) -> AttentionState:
        """Forget the clip."""
        return AttentionState(state.keys[:, :, :0], state.values[:, :, :0])

    def forward(
        self,
        x: Float[Tensor, "B t S C"],
        tables: Tables,
        state: AttentionState,
        diary: Diary | None = None,
    ) -> tuple[Float[Tensor, "B t S C"], AttentionState]:
        """Attend from each new step to all steps up to it."""
        past: Cache = (state.keys, state.values)
        read, cache = self.attention(x, tables, past)
        return read, AttentionState(*cache)
