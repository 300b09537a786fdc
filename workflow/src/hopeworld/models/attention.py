"""Block-causal attention over the steps of a clip: a step sees itself and every earlier step.

No mask is built: step i attends, unmasked, to the keys of steps <= i, so half of the pairs are
never computed, and the keys and values of past steps are the cache of a rollout.
Source: Assran et al. 2025 (V-JEPA 2), src/models/utils/modules.py, ACRoPEAttention.
Equations: docs/method.md, section 2.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from hopeworld.models.linear import Linear
from hopeworld.models.rotary import Tables, rotate

Heads = Float[Tensor, "B H n d"]
Cache = tuple[Heads, Heads]


class Attention(nn.Module):
    """Block-causal attention with fused qkv and 3D RoPE; parameter names as Meta's."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B t S C"], tables: Tables, past: Cache | None
    ) -> tuple[Float[Tensor, "B t S C"], Cache]:
        """Attend from each new step to all steps up to it; returns the grown cache."""
        steps, tokens = x.shape[1:3]
        q, k, v = self.project(x, tables)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        seen, read = k.shape[2] - steps * tokens, []
        for step, query in enumerate(q.split(tokens, 2), start=1):
            keys, k = prefix(k, seen + step * tokens)
            values, v = prefix(v, seen + step * tokens)
            out = nn.functional.scaled_dot_product_attention(query, keys, values)
            read.append(rearrange(out, "b h s d -> b s (h d)"))
        return self.proj(torch.stack(read, 1)), (k, v)

    def project(self, x: Float[Tensor, "B t S C"], tables: Tables) -> tuple[Heads, Heads, Heads]:
        """Queries and keys, both rotated, and values of the new tokens."""
        parts = rearrange(self.qkv(x), "b t s (n h d) -> n b h (t s) d", n=3, h=self.heads)
        q, k, v = parts.unbind()
        tables = tuple(table.flatten(0, 1) for table in tables)
        return rotate(q, tables), rotate(k, tables), v.contiguous()


def prefix(x: Heads, end: int) -> tuple[Heads, Heads]:
    """x[:, :, :end] and x itself, to take the next prefix from; the last prefix is all of x."""
    if torch.compiler.is_compiling():  # which joins the slices' gradients by itself
        return x[:, :, :end], x
    return Prefix.apply(x, end)


class Prefix(torch.autograd.Function):
    """Slices whose gradients are summed in place.

    A slice's own backward makes and zero-fills a gradient as large as x, once per step. In this
    chain one gradient runs from the last step back to the first, and each step adds its part.
    """

    @staticmethod
    def forward(ctx, x: Heads, end: int) -> tuple[Heads, Heads]:
        """Views of x."""
        ctx.end, ctx.last = end, end == x.shape[2]
        return x[:, :, :end], x

    @staticmethod
    @once_differentiable
    def backward(ctx, part: Heads, whole: Heads) -> tuple[Heads, None]:
        """Add in place, except to the gradient that enters the chain: it belongs to others."""
        if ctx.last:
            return part + whole, None
        whole[:, :, : ctx.end] += part
        return whole, None
