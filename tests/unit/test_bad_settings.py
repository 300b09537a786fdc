"""A thousand wrong configurations, each one line; valid ones, drawn within all bounds, pass."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from tests.bad_combinations import BAD
from tests.bad_configs import Bad
from tests.good_configs import good_configs

from hopeworld import checks
from hopeworld.settings import SettingsError, Study, require_weights
from hopeworld.strict import FORM

# A remedy begins with what to do.
VERBS = [
    "add",
    "compare",
    "correct",
    "give",
    "lift",
    "list",
    "move",
    "name",
    "remove",
    "set",
    "use",
    "write",
]
KNOWN = {"vjepa2-vitl-fpc64-256": {}}


def accept(config: dict) -> Study:
    """The study of a configuration, by all checks that Snakemake makes."""
    study = checks.parse(config)
    require_weights(study.encoder.weights, KNOWN)
    return study


def refusal(config: dict) -> str:
    """The one line that a configuration is refused with."""
    with pytest.raises(SettingsError) as caught:
        accept(config)
    return str(caught.value)


def shown(value: object) -> str:
    """A value as an error writes it."""
    return FORM.fullmatch(str(SettingsError("key", value, "wrong", "give another")))["value"]


@pytest.mark.parametrize("value", [None, True, 3, -0.5, "a b", "", [0, 0], {"a": [1]}, ("x", 1.0)])
def test_a_short_value_is_shown_as_it_is(value):
    assert shown(value) == repr(value)


@settings(max_examples=1000)
@given(BAD)
def test_a_wrong_configuration_is_one_line_with_key_value_and_remedy(bad: Bad):
    line = refusal(bad.config)
    found = FORM.fullmatch(line)
    assert found, line
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert len(line) < 600, line
    assert found["key"].startswith(bad.key), (bad.key, line)
    assert len(found["value"]) <= 101
    # Of a list some checks show one value, some all; a long one is cut.
    assert shown(bad.value)[:40] in found["value"], line
    assert found["remedy"].split()[0] in VERBS, line
    if bad.kind.startswith("misspelt"):
        assert found["remedy"].startswith(f"use {bad.kind.split()[1]}"), line


@settings(max_examples=300)
@given(good_configs())
def test_a_configuration_within_all_bounds_passes(config: dict):
    assert isinstance(accept(config), Study)
