"""Make a predictor from its settings."""

from __future__ import annotations

import torch

from hopeworld.models.hope.model import HopeAC
from hopeworld.models.predictor import Predictor
from hopeworld.models.vit_ac import ViTAC
from hopeworld.settings import Hope, VitAC, check_model


def build_predictor(
    settings: VitAC | Hope, grid: tuple[int, int], feature_width: int, seed: int
) -> Predictor:
    """Build the predictor that the settings describe, its weights drawn from `seed` alone.

    Raises SettingsError for sizes that do not fit each other.
    """
    generator = torch.Generator().manual_seed(seed)
    kind, where = (ViTAC, "vit_ac") if isinstance(settings, VitAC) else (HopeAC, "hope")
    check_model(settings, f"models.{where}")
    return kind(settings, grid, feature_width, generator)
