"""What a run says of itself at its end, from all its rows, also those before a kill."""

from __future__ import annotations

import math

import pytest

from hopeworld.adaptation.records import Records
from hopeworld.schema import MEMORY

DEAD = dict.fromkeys(MEMORY, 0) | {"memory": "cms_16", "name": "dead", "value": 1.0}


def scored(loss: float, persistence: float) -> dict:
    return {"loss": loss, "persistence": persistence, "grad_norm_pre": math.nan, "clipped": False}


def test_a_run_whose_steps_are_mostly_clipped_says_so():
    """Of three steps two; a transition without a step does not count."""
    steps = [scored(0.4, 0.5) | {"grad_norm_pre": norm, "clipped": norm > 1} for norm in (2, 3, 1)]
    assert Records({}, stream=[*steps, scored(0.4, 0.5)]).warnings() == [
        "more than 50% of the TTA steps are clipped"
    ]
    assert Records({}, stream=[*steps[1:], scored(0.4, 0.5)]).warnings() == []


@pytest.mark.parametrize("row", [scored(0.4, 0.5), scored(math.nan, math.nan)])
def test_a_sound_run_and_a_region_without_patches_warn_of_nothing(row):
    assert Records({}, stream=[row]).warnings() == []


def test_a_run_that_diverged_and_whose_level_is_dead_says_both():
    records = Records({}, stream=[scored(0.4, 0.5), scored(math.nan, 0.5)], memory=[DEAD, DEAD])
    assert records.warnings() == [
        "diverged: a prediction is not finite",
        "CMS level cms_16 is dead",
    ]
