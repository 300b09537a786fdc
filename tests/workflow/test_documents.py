"""What is generated from settings.py is up to date, and right."""

from __future__ import annotations

import copy

import jsonschema
import pytest
import yaml
from tests.snakemake_runs import ROOT, read_config

from hopeworld import settings_docs

SCHEMA = yaml.safe_load(settings_docs.schema_text())
REMEDY = "out of date: run `make schema`"


def test_the_schema_is_up_to_date():
    assert (ROOT / settings_docs.SCHEMA).read_text() == settings_docs.schema_text(), REMEDY


def test_the_tables_of_keys_are_up_to_date():
    readme = (ROOT / settings_docs.README).read_text()
    assert readme == settings_docs.with_tables(readme), REMEDY


def test_a_readme_without_marks_is_refused():
    with pytest.raises(ValueError, match="marks are missing"):
        settings_docs.with_tables("# Settings\n")


@pytest.mark.parametrize("overlays", [[], ["smoke"], ["thesis"], ["ablation"]])
def test_the_schema_accepts_the_studies(overlays):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(read_config(*overlays), SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("trainings",), {}),
        (("training", "learning_rate"), "3e-4"),
        (("training", "learning_rate"), 0.0),
        (("training", "rollout_steps"), 8),
        (("simulation", "friction"), [0.1]),
        (("adaptation", "methods", "hope", "adapt"), "everything"),
        (("splits", "train", "c"), 1),
    ],
)
def test_the_schema_refuses_what_the_settings_refuse(path, value):
    config = copy.deepcopy(read_config())
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, SCHEMA)


def test_the_first_line_of_the_default_names_the_schema():
    first = (ROOT / "config" / "config.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../workflow/schemas/config.schema.yaml"
    assert (ROOT / "config" / first.split("=")[1]).resolve() == ROOT / settings_docs.SCHEMA
