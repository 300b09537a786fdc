"""In every study both predictors have the same size, and pushed objects stay in view."""

from __future__ import annotations

import pytest
from tests.snakemake_runs import read_config

from hopeworld import checks
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import parameter_count
from hopeworld.settings import PATCH_PX, SPLITS
from hopeworld.simulation.scenario import draw_scenario

STUDIES = [[], ["smoke"], ["thesis"], ["ablation"], ["verdict"]]
WIDTH = 1024


@pytest.mark.parametrize("overlays", STUDIES)
def test_both_predictors_have_the_same_size(overlays):
    study = checks.parse(read_config(*overlays))
    side = study.camera.image_px // PATCH_PX
    counts = [
        parameter_count(build_predictor(model, (side, side), WIDTH, seed=0))
        for model in (study.models.vit_ac, study.models.hope)
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.02)


def test_the_vit_of_the_thesis_has_its_published_size():
    vit = checks.parse(read_config("thesis")).models.vit_ac
    assert parameter_count(build_predictor(vit, (16, 16), WIDTH, seed=0)) == 43_376_896


@pytest.mark.parametrize("overlays", STUDIES)
def test_every_split_can_be_drawn(overlays):
    study = checks.parse(read_config(*overlays))
    for split in SPLITS:
        for index in range(5):
            scenario = draw_scenario(study.simulation, study.appearance, study.camera, split, index)
            assert scenario.index == index
