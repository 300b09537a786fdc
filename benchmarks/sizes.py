"""Sizes of a benchmark: those of a study's configuration, with fewer blocks.

The blocks of a predictor are alike and cost nearly all of its time, so the ratios of a few of them
are those of 24.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from hopeworld import checks, settings
from hopeworld.models.objective import TRANSITIONS
from hopeworld.settings import Hope, Study, VitAC

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Size:
    """What is measured at which size.

    Attributes:
        overlay: the study's configuration over config.yaml.
        depth: blocks of the predictors in the training step, the rollout and the stream.
        feature_width: width of the encoder's latents.
        shortening: what the clips of the growth with T are divided by.
    """

    overlay: str
    depth: int
    feature_width: int
    shortening: int

    @property
    def study(self) -> Study:
        """The settings of the study."""
        return read_study(self.overlay)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        side = self.study.camera.image_px // settings.PATCH_PX
        return side, side

    @property
    def tokens(self) -> int:
        """Tokens of a step: the patches and the action."""
        return self.grid[0] * self.grid[1] + 1

    @property
    def latents(self) -> int:
        """Latents of a clip: one more than its transitions."""
        return TRANSITIONS + 1

    def vit_ac(self, depth: int) -> VitAC:
        """ViT-AC's settings with `depth` blocks."""
        return replace(self.study.models.vit_ac, depth=depth)

    def hope(self, depth: int) -> Hope:
        """HOPE's settings with `depth` blocks."""
        return replace(self.study.models.hope, depth=depth)


SIZES = {
    "full": Size("thesis", depth=4, feature_width=1024, shortening=1),
    "small": Size("smoke", depth=1, feature_width=24, shortening=4),
}


@functools.cache
def read_study(overlay: str) -> Study:
    """Read config/config.yaml with one overlay, once; raises `SettingsError`."""
    texts = [(ROOT / "config" / f"{name}.yaml").read_text() for name in ("config", overlay)]
    base, changes = (yaml.safe_load(text) for text in texts)
    return checks.parse(_merged(base, changes))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, section by section."""
    merged = dict(base)
    for name, value in changes.items():
        is_section = isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
        merged[name] = _merged(base[name], value) if is_section else value
    return merged
