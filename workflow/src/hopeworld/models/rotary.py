"""3D rotary position embedding over (time, row, column), as in V-JEPA 2's AC predictor.

A head of width d gives n = 2 * ((d // 3) // 2) channels to each axis, in this order; the rest stays
unrotated. Frequencies omega_i = 10000^(-2i/n), i < n/2. Adjacent channels (2j, 2j + 1) rotate
together. `meta` tiles the angles as Meta's code does (omega_0 .. omega_m, omega_0 .. omega_m), so
the two channels of a pair turn by different angles; `standard` repeats each angle, a true rotation.
The action token has a time position only.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Rope = Literal["meta", "standard"]
Tables = tuple[Float[Tensor, "t S d"], Float[Tensor, "t S d"]]


@functools.lru_cache(maxsize=64)
def rotary_tables(
    start: int, steps: int, grid: tuple[int, int], width: int, rope: Rope, device: torch.device
) -> Tables:
    """Cosine and sine of every token's angles, [steps, 1 + P, width], for steps from `start` on.

    They depend on nothing else, so every forward pass of a clip shares them; never write to them.
    """
    channels = 2 * ((width // 3) // 2)
    rows, columns = grid
    patch = torch.arange(rows * columns, device=device)
    time = torch.arange(start, start + steps, device=device, dtype=torch.float64)
    row = (patch // columns).double()
    column = (patch % columns).double() * (rows / columns)
    angle = torch.zeros(steps, 1 + rows * columns, width, dtype=torch.float64, device=device)
    angle[:, :, :channels] = _angles(time, channels, rope)[:, None]
    angle[:, 1:, channels : 2 * channels] = _angles(row, channels, rope)
    angle[:, 1:, 2 * channels : 3 * channels] = _angles(column, channels, rope)
    return angle.cos().float(), angle.sin().float()


def _angles(position: Tensor, channels: int, rope: Rope) -> Tensor:
    half = channels // 2
    index = torch.arange(half, device=position.device, dtype=torch.float64)
    angle = position[:, None] * 10000.0 ** (-index / half)
    return angle.repeat(1, 2) if rope == "meta" else angle.repeat_interleave(2, dim=1)


def rotate(x: Float[Tensor, "... d"], tables: Tables) -> Float[Tensor, "... d"]:
    """Rotate channel pairs by the tables' angles; computed in fp32, returned in x's dtype."""
    cosine, sine = tables
    even, odd = rearrange(x.float(), "... (d pair) -> pair ... d", pair=2)
    turned = rearrange(torch.stack((-odd, even)), "pair ... d -> ... (d pair)")
    return (x.float() * cosine + turned * sine).to(x.dtype)
