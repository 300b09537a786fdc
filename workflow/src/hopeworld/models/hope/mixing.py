"""Local mixing: the paper's short convolution, made for video.

A depthwise 3x3 on the patch grid, then a depthwise causal convolution over 4 steps; identity at
initialisation. The action token passes through unchanged. Equations: docs/method.md, section 3.1.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

WINDOW = 4


class LocalMixing(nn.Module):
    """Mix patches with their neighbours in the frame and with the same place in the past."""

    def __init__(self, width: int, grid: tuple[int, int]):
        super().__init__()
        self.grid = grid
        self.space = nn.Parameter(torch.zeros(width, 1, 3, 3))
        self.time = nn.Parameter(torch.zeros(WINDOW, width))
        with torch.no_grad():
            self.space[:, 0, 1, 1] = 1.0
            self.time[0] = 1.0

    def forward(
        self, x: Float[Tensor, "B t S C"], recent: Float[Tensor, "B 3 P C"]
    ) -> tuple[Float[Tensor, "B t S C"], Float[Tensor, "B 3 P C"]]:
        """Returns the mixed tokens and the last three steps, for the next call."""
        action, patches = x[:, :, :1], x[:, :, 1:]
        batch, steps = x.shape[:2]
        frames = rearrange(patches, "b t (h w) c -> (b t) c h w", h=self.grid[0])
        frames = nn.functional.conv2d(frames, self.space, padding=1, groups=self.space.shape[0])
        frames = rearrange(frames, "(b t) c h w -> b t (h w) c", b=batch)
        history = torch.cat((recent.to(frames.dtype), frames), 1)
        first = WINDOW - 1
        mixed = sum(
            self.time[back] * history[:, first - back : first - back + steps]
            for back in range(WINDOW)
        )
        return torch.cat((action, mixed), 2), history[:, -first:]
