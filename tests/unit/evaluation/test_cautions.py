"""What the results of a study warn of."""

from __future__ import annotations

import pandas as pd
import pytest

from hopeworld.evaluation.cautions import find
from hopeworld.health import problems
from hopeworld.schema import MEMORY

CLIP_NORMS = {"hope": 1.0}


def run(**changes: float | None) -> dict:
    return {"diverged_all": 0.0, "collapsed": 0.0, "clipped_share": None} | changes


def metrics(passed: bool = True, **runs: dict) -> dict:
    gate = {"passed": passed, "runs": [{"model": "hope", "seed": 1, "passed": passed}]}
    return {"gate": gate, "runs": {}, "streams": {"placebo": {"runs": runs}}}


def memory(*rows: tuple) -> pd.DataFrame:
    """Rows run, k, memory, name, value."""
    table = pd.DataFrame(rows, columns=["run", "k", "memory", "name", "value"])
    return table.assign(layer=0, head=0).reindex(columns=list(MEMORY))


def history(*norms: float) -> pd.DataFrame:
    rows = [("hope", 1, "grad_norm", norm) for norm in norms]
    return pd.DataFrame(rows, columns=["model", "seed", "name", "value"])


def found(about: dict, rows: pd.DataFrame | None = None, norms: pd.DataFrame | None = None) -> dict:
    rows, norms = memory() if rows is None else rows, history() if norms is None else norms
    return {one.text: one.about for one in find(about, rows, norms, CLIP_NORMS)}


def test_a_sound_study_warns_of_nothing():
    calm = memory(("r", 0, "cms_4", "dead", 0.0), ("r", 0, "memory", "retained_share", 0.9))
    assert found(metrics(r=run(clipped_share=0.5)), calm, history(0.1, 2.0)) == {}


def test_a_gate_that_is_not_passed():
    assert found(metrics(passed=False)) == {"gate not passed": ("hope seed 1",)}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"diverged_all": 1.0, "collapsed": 1.0}, "diverged: a prediction is not finite"),
        ({"collapsed": 1.0}, "collapsed: far above the loss of the frozen twin"),
        ({"clipped_share": 0.51}, "more than 50% of the TTA steps are clipped"),
    ],
)
def test_a_run_that_is_not_sound(changes, text):
    assert found(metrics(calm=run(), one=run(**changes), two=run(**changes))) == {
        text: ("one", "two")
    }


def test_a_training_whose_gradients_are_clipped():
    text = "more than 50% of the training steps are clipped"
    assert found(metrics(), norms=history(0.5, 1.5, 1.5)) == {text: ("hope seed 1",)}


def test_a_dead_level_is_named_with_its_runs():
    rows = [(run, k, "cms_16", "dead", float(k)) for run in ("one", "two") for k in (0, 1)]
    assert found(metrics(), memory(*rows)) == {"CMS level cms_16 is dead": ("one", "two")}


def test_a_level_whose_updates_are_mostly_clipped():
    rows = [
        ("r", k, name, "clipped", k / top)
        for name, top in (("cms_1", 2), ("cms_4", 3))
        for k in range(top + 1)
    ]
    assert problems(memory(*rows, ("r", 3, "cms_1", "clipped", 1.0))) == [
        "more than 50% of the updates of CMS level cms_1 are clipped"
    ]


def test_a_memory_that_forgets_within_a_clip():
    rows = [("r", k, "memory", "retained_share", 0.3) for k in (0, 0, 1, 1)]
    assert problems(memory(*rows)) == ["less than 0.1 of the memory outlasts a clip (median)"]
