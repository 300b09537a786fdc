"""A variant is trained under its own name, and its weights say what it is."""

import dataclasses

import pandas as pd
from tests.tiny_training import tiny_data, tiny_job, tiny_predictor, tiny_training

from hopeworld.files import read_json
from hopeworld.models.predictor import parameter_count
from hopeworld.trained import load_predictor
from hopeworld.training.loop import fit


def test_a_variant_has_its_own_name_and_the_kind_of_its_base(tmp_path):
    job = tiny_job(tmp_path, "hope", tiny_training(steps=2))
    job = dataclasses.replace(job, model="static")
    assert (job.name, job.kind) == ("static seed 0", "hope")
    predictor = tiny_predictor("hope")
    fit(job, predictor, tiny_data())
    assert load_predictor(job.outputs.weights)[1].model == "hope"
    assert set(pd.read_parquet(job.outputs.history)["model"]) == {"static"}
    gate = read_json(job.outputs.gate)
    assert (gate["model"], gate["parameters"]) == ("static", parameter_count(predictor))


def test_the_vit_is_a_vit(tmp_path):
    assert tiny_job(tmp_path, "vit_ac", tiny_training()).kind == "vit_ac"
