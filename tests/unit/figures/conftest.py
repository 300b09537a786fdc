"""One synthetic study for the tests of all figures."""

import dataclasses

import pytest
from tests import figure_inputs, synthetic

from hopeworld.evaluation.summary import summarise


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A folder with the tables of a study whose gate was not passed."""
    folder = tmp_path_factory.mktemp("study")
    sources = synthetic.write_study(folder, passed=False)
    summarise(synthetic.job(), sources, synthetic.outputs(folder))
    return folder


@pytest.fixture(scope="session")
def smallest(tmp_path_factory):
    """The inputs of every figure of a study with one seed and eight clips per phase."""
    folder, clips = tmp_path_factory.mktemp("smallest"), {"A1": 8, "B": 8, "A2": 8}
    sources = synthetic.write_study(folder, seeds=(0,), clips=clips)
    summarise(synthetic.job(seeds=(0,)), sources, synthetic.outputs(folder))
    return figure_inputs.figure_inputs(folder)


@pytest.fixture(scope="session")
def ablation(tmp_path_factory):
    """The inputs of every figure of a study of HOPE alone with a variant of it."""
    folder, clips = tmp_path_factory.mktemp("ablation"), {"A1": 8, "B": 8, "A2": 8}
    truths = synthetic.ABLATION
    sources = synthetic.write_study(folder, clips=clips, truths=truths)
    summarise(synthetic.job(truths=truths), sources, synthetic.outputs(folder))
    inputs = figure_inputs.figure_inputs(folder)
    methods = synthetic.methods(truths)
    adaptation = dataclasses.replace(inputs["protocol"].adaptation, methods=methods)
    return inputs | {"protocol": dataclasses.replace(inputs["protocol"], adaptation=adaptation)}


@pytest.fixture(scope="session")
def inputs(study):
    """The inputs of every figure by its name."""
    return figure_inputs.figure_inputs(study)
