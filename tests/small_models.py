"""Small predictors and clips for the laws that both models obey."""

from __future__ import annotations

import torch
from torch import Tensor

from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import Predictor, standardise
from hopeworld.settings import Hope, VitAC

GRID = (3, 4)
PATCHES = 12
WIDTH = 20
VIT = VitAC(depth=2, width=48, heads=2, mlp_ratio=4.0, rope="meta")
HOPE = Hope(
    depth=2,
    width=48,
    heads=2,
    memory_ratio=2.0,
    mixer="titan",
    write="proximal",
    read="after",
    self_target=True,
    adaptive=("k", "v", "eta", "alpha"),
    self_write=0.02,
    gate="soft",
    retention=True,
    writes=True,
    first_order=False,
    local_mixing=True,
    feature_norm=True,
    rope="meta",
    cms_periods=(1, 4, 16),
    cms_hidden=24,
    cms_decay=0.98,
    cms_loss="look_back",
)
SETTINGS = {"vit_ac": VIT, "hope": HOPE}


def small(name: str, seed: int = 0) -> Predictor:
    """A small predictor whose every weight matters: zero-initialised parts are drawn, too."""
    predictor = build_predictor(SETTINGS[name], GRID, WIDTH, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return predictor.eval()


def clips(batch: int, steps: int = 7, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Standardised latents [B, steps, P, D] and actions [B, steps, 2] in newtons."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(batch, steps, PATCHES, WIDTH, generator=generator)
    return standardise(latents), torch.randn(batch, steps, 2, generator=generator)
