"""One synthetic study for the tests of all figures."""

import dataclasses

import numpy as np
import pytest
from matplotlib._layoutgrid import LayoutGrid
from matplotlib.transforms import Bbox
from tests import figure_inputs, synthetic

from hopeworld.evaluation.summary import summarise


@pytest.fixture
def restless_solver(monkeypatch):
    """The last digits of the places that the layout's solver finds differ from call to call, as
    they do from run to run."""
    find, draw = LayoutGrid.get_inner_bbox, np.random.default_rng(0)

    def find_roughly(self, *args, **kwargs):
        return Bbox(find(self, *args, **kwargs).get_points() + draw.uniform(-1e-11, 1e-11, (2, 2)))

    monkeypatch.setattr(LayoutGrid, "get_inner_bbox", find_roughly)


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A folder with the tables of a study whose gate was not passed."""
    folder = tmp_path_factory.mktemp("study")
    sources = synthetic.write_study(folder, passed=False)
    summarise(synthetic.job(), sources, synthetic.outputs(folder))
    return folder


@pytest.fixture(scope="session")
def smallest(tmp_path_factory):
    """The inputs of every figure of a study with one seed, eight clips per phase, no placebo."""
    folder = tmp_path_factory.mktemp("smallest")
    size = {"seeds": (0,), "orders": (0,), "streams": ("main",)}
    size["clips"] = {"A1": 8, "B": 8, "A2": 8}
    sources = synthetic.write_study(folder, **size)
    summarise(synthetic.job(**size), sources, synthetic.outputs(folder))
    return figure_inputs.figure_inputs(folder)


@pytest.fixture(scope="session")
def ablation(tmp_path_factory):
    """The inputs of every figure of a study of HOPE alone with a variant of it."""
    folder, clips = tmp_path_factory.mktemp("ablation"), {"A1": 8, "B": 8, "A2": 8}
    truths = synthetic.ABLATION
    sources = synthetic.write_study(folder, clips=clips, truths=truths)
    summarise(synthetic.job(truths=truths, clips=clips), sources, synthetic.outputs(folder))
    inputs = figure_inputs.figure_inputs(folder)
    methods = synthetic.methods(truths)
    adaptation = dataclasses.replace(inputs["protocol"].adaptation, methods=methods)
    return inputs | {"protocol": dataclasses.replace(inputs["protocol"], adaptation=adaptation)}


@pytest.fixture(scope="session")
def inputs(study):
    """The inputs of every figure by its name."""
    return figure_inputs.figure_inputs(study)


@pytest.fixture(scope="session")
def null(tmp_path_factory):
    """The inputs of the figures of the streams of a study where nothing is learnt or kept."""
    folder, clips = tmp_path_factory.mktemp("null"), {"A1": 8, "B": 8, "A2": 8}
    truths = {
        name: dataclasses.replace(truth, gain=0.0, excess=0.0, noise=0.0, base=0.2)
        for name, truth in synthetic.TRUTHS.items()
    }
    study = {"clips": clips, "truths": truths}
    summarise(
        synthetic.job(**study), synthetic.write_study(folder, **study), synthetic.outputs(folder)
    )
    return figure_inputs.stream_inputs(folder)
