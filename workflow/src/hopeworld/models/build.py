"""Make a predictor from its settings."""

from __future__ import annotations

import torch

from hopeworld.models.hope.model import HopeAC
from hopeworld.models.predictor import Predictor
from hopeworld.models.vit_ac import ViTAC
from hopeworld.settings import Hope, VitAC


def build_predictor(
    settings: VitAC | Hope, grid: tuple[int, int], feature_width: int, seed: int
) -> Predictor:
    """Build the predictor that the settings describe, its weights drawn from `seed` alone."""
    generator = torch.Generator().manual_seed(seed)
    kind = ViTAC if isinstance(settings, VitAC) else HopeAC
    return kind(settings, grid, feature_width, generator)
