"""3D rotary position embedding over (time, row, column), as in V-JEPA 2's AC predictor.

A head of width d gives n = 2 * ((d // 3) // 2) channels to each axis, in this order; the rest stays
unrotated. Frequencies omega_i = 10000^(-2i/n), i < n/2. Adjacent channels (2j, 2j + 1) rotate
together. `meta` tiles the angles as Meta's code does (omega_0 .. omega_m, omega_0 .. omega_m), so
the two channels of a pair turn by different angles and its length may change; `standard` repeats
each angle, a true rotation.
The tokens before the patches of a step (action, state) have a time position only.
Equations: docs/method.md, section 2.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Rope = Literal["meta", "standard"]
Tables = tuple[Float[Tensor, "t S d"], Float[Tensor, "t S d"]]


@functools.lru_cache(maxsize=64)
def rotary_tables(
    start: int,
    steps: int,
    grid: tuple[int, int],
    width: int,
    rope: Rope,
    device: torch.device,
    conditions: int = 1,
) -> Tables:
    """Cosine and signed sine of every token's angles, each [steps, conditions + P, width].

    The sine of even channels is negated: `rotate` needs it so. The tables depend on nothing but the
    arguments, so every forward pass of a clip shares them; never write to them.
    """
    channels = 2 * ((width // 3) // 2)
    rows, columns = grid
    patch = torch.arange(rows * columns, device=device)
    time = torch.arange(start, start + steps, device=device, dtype=torch.float64)
    row = (patch // columns).double()
    column = (patch % columns).double() * (rows / columns)
    angle = time.new_zeros(steps, conditions + rows * columns, width)
    angle[:, :, :channels] = _angles(time, channels, rope)[:, None]
    angle[:, conditions:, channels : 2 * channels] = _angles(row, channels, rope)
    angle[:, conditions:, 2 * channels : 3 * channels] = _angles(column, channels, rope)
    sine = angle.sin()
    sine[..., 0::2].neg_()
    return angle.cos().float(), sine.float()


def _angles(position: Tensor, channels: int, rope: Rope) -> Tensor:
    half = channels // 2
    index = torch.arange(half, device=position.device, dtype=torch.float64)
    angle = position[:, None] * 10000.0 ** (-index / half)
    return angle.repeat(1, 2) if rope == "meta" else angle.repeat_interleave(2, dim=1)


def rotate(x: Float[Tensor, "... d"], tables: Tables) -> Float[Tensor, "... d"]:
    """Rotate channel pairs by the tables' angles; computed in fp32, returned in x's dtype.

    The tables broadcast against x.
    """
    return Rotation.apply(x, *tables)


class Rotation(torch.autograd.Function):
    """y = cosine * x + sine * swap(x), linear in x: its transpose is a rotation, too.

    Plain autograd would keep and zero-fill a gradient for every slice of the swap.
    """

    @staticmethod
    def forward(ctx, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Rotate x; nothing of x is kept for the backward pass."""
        ctx.save_for_backward(cosine, sine)
        return (x * cosine).addcmul_(swap(x), sine).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        """swap is its own transpose: x' = cosine * y' + swap(sine * y')."""
        cosine, sine = ctx.saved_tensors
        return Rotation.apply(gradient, cosine, swap(sine)), None, None


def swap(x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
    """Exchange adjacent channels: x1, x0, x3, x2, ...; an odd last one stays."""
    paired = x.shape[-1] // 2 * 2
    swapped = torch.stack((x[..., 1:paired:2], x[..., 0:paired:2]), -1).flatten(-2)
    return swapped if paired == x.shape[-1] else torch.cat((swapped, x[..., paired:]), -1)
