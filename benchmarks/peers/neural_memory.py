"""NeuralMemory of titans-pytorch, set up to be comparable with our Titan mixer.

Same: width, heads and head width; a two-layer MLP memory with the same hidden width, its own set of
weights per head; one chunk per step of the clip, so the clip's tokens need no padding; normalised
queries and keys; projections and out-projection.
Not the same: no RoPE and no local mixing; both layers of the memory learn, with momentum; keys,
values and rates are plain projections, so it compares with our *static* mixer; no surprise gate.
`chunks`: by default every chunk's surprise is taken at the weights that the clip starts with, which
is cheaper and is no delta rule; `exact` moves the weights on after every chunk, as ours does.
Source: github.com/lucidrains/titans-pytorch (MIT).
"""

from __future__ import annotations

import importlib.util
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.contestant import NotInstalled


class NeuralMemory(nn.Module):
    """[B, t, S, C] -> [B, t, S, C]; raises `NotInstalled` without titans-pytorch."""

    def __init__(
        self,
        width: int,
        heads: int,
        tokens: int,
        memory_ratio: float,
        chunks: Literal["frozen", "exact"],
    ):
        super().__init__()
        if importlib.util.find_spec("titans_pytorch") is None:
            raise NotInstalled("titans-pytorch is not installed: see benchmarks/requirements.txt")
        import titans_pytorch

        self.memory = titans_pytorch.NeuralMemory(
            dim=width,
            dim_head=width // heads,
            heads=heads,
            chunk_size=tokens,
            batch_size=tokens if chunks == "exact" else None,
            qk_rmsnorm=True,
            default_model_kwargs={"depth": 2, "expansion_factor": memory_ratio},
        )

    def forward(self, x: Float[Tensor, "B t S C"]) -> Float[Tensor, "B t S C"]:
        """Write every chunk and read it."""
        read, _ = self.memory(x.flatten(1, 2))
        return read.unflatten(1, x.shape[1:3])
