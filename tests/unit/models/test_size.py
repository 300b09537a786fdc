"""Both predictors of every study in config/ have the same size within 2 %."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from hopeworld import settings
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import parameter_count

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("overlay", [None, "smoke.yaml", "thesis.yaml"])
def test_hope_is_as_large_as_the_vit(overlay):
    config = yaml.safe_load((CONFIG / "config.yaml").read_text())
    if overlay:
        update_config(config, yaml.safe_load((CONFIG / overlay).read_text()))
    study = settings.parse(config)
    side = study.camera.image_px // settings.PATCH_PX
    vit, hope = (
        parameter_count(build_predictor(model, (side, side), 1024, seed=0))
        for model in (study.models.vit_ac, study.models.hope)
    )
    assert abs(hope / vit - 1) < 0.02


def test_the_thesis_vit_has_its_published_size():
    config = yaml.safe_load((CONFIG / "config.yaml").read_text())
    update_config(config, yaml.safe_load((CONFIG / "thesis.yaml").read_text()))
    vit = settings.parse(config).models.vit_ac
    assert parameter_count(build_predictor(vit, (16, 16), 1024, seed=0)) == 43_376_896
