"""Every wrong configuration is one SettingsError that names the key and the remedy."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from tests.snakemake_runs import merged

from hopeworld import checks, settings
from hopeworld.settings import SettingsError, Study

CONFIG = Path(__file__).parents[2] / "config"
DEFAULT = yaml.safe_load((CONFIG / "config.yaml").read_text())
# One variant of a model's key, so that every kind of key is there.
PLAIN = {"of": "hope", "model": {"read": "before"}, "training": {"steps": 1200}}
DEFAULT["variants"] = {"plain": PLAIN} | DEFAULT["variants"]
OVERLAYS = ["smoke", "thesis", "ablation", "verdict"]
ONE_LINE = re.compile(r"config: [\w.()]+ = .+: .+; .+")
REMOVED = object()


def paths(value: Any, path: tuple = ()) -> list[tuple]:
    """The path of every key of a configuration."""
    if not isinstance(value, dict):
        return []
    found = [(*path, name) for name in value]
    return found + [p for name, v in value.items() for p in paths(v, (*path, name))]


def edited(path: tuple, value: Any) -> dict:
    """The default configuration with one key set, or removed."""
    config = copy.deepcopy(DEFAULT)
    place = config
    for name in path[:-1]:
        place = place[name]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return config


def at(path: tuple) -> Any:
    value = DEFAULT
    for name in path:
        value = value[name]
    return value


def assert_refused(config: Any, path: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checks.parse(config)
    message = str(caught.value)
    assert "\n" not in message
    assert ONE_LINE.fullmatch(message), message
    assert path in message, message


KEYS = paths(DEFAULT)
# Keys that may be there or not: names, and what a variant changes.
NAMED = {("adaptation", "methods"), ("adaptation", "tuning"), ("adaptation", "streams")}
FREE = [p for p in KEYS if p[:2] in NAMED | {("simulation", "severities")}]
FREE = [p for p in FREE if len(p) == 3] + [p for p in KEYS if p[0] == "variants" and len(p) == 2]
CHANGES = [p for p in KEYS if p[0] == "variants" and len(p) == 4]
REQUIRED = [p for p in KEYS if p not in FREE and p not in CHANGES]
LEAVES = [p for p in KEYS if not isinstance(at(p), dict)]
NUMBERS = [p for p in LEAVES if isinstance(at(p), int | float) and not isinstance(at(p), bool)]


@given(st.sampled_from(REQUIRED))
def test_a_missing_key_is_named(path):
    assert_refused(edited(path, REMOVED), ".".join(path))


@given(st.sampled_from(KEYS), st.text("abxyz_", min_size=1, max_size=3))
def test_a_misspelt_key_is_named(path, ending):
    config = edited(path, REMOVED)
    place = config
    for name in path[:-1]:
        place = place[name]
    misspelt = path[-1] + ending
    if misspelt in place or (path in FREE and "tuning" not in path):
        return
    place[misspelt] = at(path)
    assert_refused(config, ".".join([*path[:-1], misspelt]))


WRONG = st.one_of(
    st.none(), st.just({}), st.just([]), st.just([[]]), st.just({1: 2}), st.just(b""), st.just("")
)


MAY_BE_EMPTY = ("adaptive", "contestants", "not_inferior", "comparable", "gates")


@given(st.sampled_from(LEAVES), WRONG)
def test_a_value_of_the_wrong_type_is_refused(path, value):
    if value == "" and isinstance(at(path), str):
        value = 3
    runs = path[:2] != ("adaptation", "streams") or path[2] in DEFAULT["adaptation"]["runs"]
    if value == [] and (path[-1] in MAY_BE_EMPTY or "tuning" in path or not runs):
        return
    assert_refused(edited(path, value), path[0])


@given(
    st.sampled_from([p for p in KEYS if isinstance(at(p), dict)]),
    st.sampled_from([None, 1, [], "a"]),
)
def test_a_section_that_is_none_is_refused(path, value):
    assert_refused(edited(path, value), ".".join(path))


@given(st.sampled_from(NUMBERS), st.sampled_from(["3e-4", "0.5", "x", True, None]))
def test_text_and_truth_are_no_numbers(path, value):
    assert_refused(edited(path, value), ".".join(path))


def test_the_remedy_for_yaml_numbers_is_told():
    with pytest.raises(SettingsError, match=r"write 3.0e-4, with a point"):
        checks.parse(edited(("training", "learning_rate"), "3e-4"))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab", max_size=2) | st.integers(), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(KEYS), ANY)
@example(("training", "learning_rate"), 10**400)
@example(("splits",), {1: {"a": 0, "b": 0}})
@example(("adaptation", "methods"), {1: {}})
def test_nothing_else_than_a_settings_error_ever_comes_out(path, value):
    study = None
    with contextlib.suppress(SettingsError):
        study = checks.parse(edited(path, value))
    assert study is None or isinstance(study, Study)


@pytest.mark.parametrize("config", [None, [], "text", {1: 2}, {}])
def test_a_file_that_is_no_configuration_is_refused(config):
    with pytest.raises(SettingsError):
        checks.parse(config)


def bounds(kind: type = Study, path: tuple = ()) -> list[tuple[tuple, dict]]:
    """Path and metadata of every key with a bound, one method and one split for all."""
    found = []
    for field in dataclasses.fields(kind):
        hint = typing.get_type_hints(kind)[field.name]
        below = (*path, field.name)
        if typing.get_origin(hint) is dict:
            below, hint = (*below, next(iter(at(below)))), typing.get_args(hint)[1]
        if dataclasses.is_dataclass(hint):
            found += bounds(hint, below)
        elif any(field.metadata[name] is not None for name in ("low", "high", "above")):
            found.append((below, dict(field.metadata)))
    return found


BOUNDS = bounds()


@given(st.sampled_from(BOUNDS), st.floats(1, 1e6), st.booleans())
def test_a_number_out_of_range_is_refused(bound, distance, upwards):
    path, limits = bound
    edge = (
        limits["high"]
        if upwards
        else (limits["low"] if limits["low"] is not None else limits["above"])
    )
    if edge is None:
        return
    value = edge + distance if upwards else edge - distance
    old = at(path)
    example = old[0] if isinstance(old, list) else old
    value = int(value) if isinstance(example, int) else float(value)
    assert_refused(
        edited(path, [value] * len(old) if isinstance(old, list) else value), ".".join(path)
    )


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("study",), "a/b", "names a folder"),
        (("seeds",), [], "empty"),
        (("seeds",), [1, 1], "repeated"),
        (("simulation", "frame_count"), 15, "odd frame count"),
        (("simulation", "step_hz"), 1000, "multiple of frame_hz"),
        (("simulation", "onset_frames"), [4], "odd frames"),
        (("simulation", "friction"), [0.3, 0.2], "reversed"),
        (("camera", "image_px"), 100, "multiple of 16"),
        (("camera", "eye_m"), [0.0, 1.0, -1.0], "lift z"),
        (("camera", "eye_m"), [0.0, 0.0, 3.0], "move the eye aside"),
        (("simulation", "out_of_range_force_n"), [13.0, 17.0], "beside simulation.force_n"),
        (("appearance", "held_out_shapes"), ["hexprism", "cylinder"], "shapes has not"),
        (("appearance", "shapes"), ["box", "box"], "each name once"),
        (("simulation", "frame_hz"), "5/s", "give a whole number"),
        (("appearance", "checker_m"), "5in", "give a number"),
        (("training", "learning_rate"), "3e-4", "with a point"),
        (("training", "decay_share"), 0.99, "add up to 1"),
        (("splits", "train"), {"a": 254, "b": 0}, "multiple of simulation.episode_clips"),
        (("splits", "probe"), {"a": 0, "b": 16}, "the study needs them"),
        (("splits", "stream_9"), {"a": 0, "b": 0}, "unknown"),
        (("training", "episodes_per_batch"), 1000, "are in splits.train"),
        (("models", "hope", "heads"), 5, "multiple of heads"),
        (("models", "vit_ac", "heads"), 96, "fewer heads"),
        (("models", "hope", "cms_periods"), [4, 1], "ascending"),
        (("adaptation", "methods"), {}, "no such method"),
        (("adaptation", "methods", "a/b"), DEFAULT["adaptation"]["methods"]["hope"], "letters"),
        (("adaptation", "methods", "hope", "twin"), "nobody", "name a method"),
        (("adaptation", "methods", "hope", "twin"), "hope", "adapt: none and look_back_rate: 0"),
        (("adaptation", "methods", "vit_frozen", "learning_rate"), 0.1, "set it to 0"),
        (("adaptation", "methods", "hope", "model"), "lstm", "use one of vit_ac, hope, plain"),
        (("adaptation", "methods", "hope", "model"), "plain", "name a method of model plain"),
        (("adaptation", "contestants"), [], "at least one"),
        (("adaptation", "contestants"), ["hope", "hope"], "each once"),
        (("adaptation", "contestants"), ["nobody"], "names of adaptation.methods"),
        (("models", "hope", "cms_loss"), "local", "name a predictor with cms_loss: look_back"),
        (("models", "hope", "gate"), False, 'write "off" in quotes'),
        (("variants", "plain", "model"), {"rope": False}, 'write "off" in quotes'),
        (("variants", "plain", "model"), {"gates": "soft"}, "variants.plain.model.gates"),
        (("variants", "plain", "model"), {"depth": 1.5}, "variants.plain.model.depth"),
        (("variants", "plain", "model"), {"heads": 5}, "multiple of heads"),
        (("variants", "plain", "model"), {"cms_periods": [4, 1]}, "ascending"),
        (("variants", "plain", "training"), {"decay_share": 0.99}, "variants.plain.training"),
        (("variants", "plain", "training"), {"domains": ["C"]}, "variants.plain.training.domains"),
        (("variants", "plain", "training"), {"lr": 0.1}, "variants.plain.training.lr"),
        (("variants", "hope"), DEFAULT["variants"]["plain"], "a predictor has this one"),
        (("variants", "a/b"), DEFAULT["variants"]["plain"], "letters"),
        (("adaptation", "tuning", "vit_frozen"), [1.0], "learns online"),
        (("adaptation", "tuning", "nobody"), [1.0], "adaptation.methods"),
        (("splits", "tuning_2", "b"), 0, "compares rates"),
        (("adaptation", "methods", "vit_tta", "look_back_rate"), 1.0, "look_back_rate: 0"),
        (("adaptation", "tuning", "hope"), [1.0], "as many rates of each"),
        (("adaptation", "tuning_seeds"), [7], "use some of seeds"),
        (("adaptation", "methods", "mean_map", "adapt"), "layer_norm", "is a formula"),
        (("adaptation", "methods", "vit_frozen", "reset"), "per_clip", "set it to never"),
        (("adaptation", "runs"), ["placebo"], "list main"),
        (("adaptation", "runs"), ["main", "other"], "names of adaptation.streams"),
        (("adaptation", "streams", "main", "clips"), [24, 400, 32], "longer than its clips"),
        (("adaptation", "streams", "main", "clips"), [24, 46, 32], "cuts an episode"),
        (("adaptation", "streams", "main", "clips"), [24, 48], "not one per phase"),
        (("adaptation", "streams", "main", "domains"), ["A", "A", "A"], "come back to A"),
        (("adaptation", "streams", "main", "domains"), ["A", "B", "B"], "come back to A"),
        (("adaptation", "streams", "main", "domains"), ["A", "ice", "A"], "no such domain"),
        (
            ("adaptation", "streams", "placebo", "contestants"),
            ["vit_full"],
            "they run in this study",
        ),
        (
            ("adaptation", "contestants"),
            ["vit_tta", "hope", "vit_on_b"],
            "give clips: vit_on_b is trained on domain B",
        ),
        (("training", "match"), "lstm", "no such predictor"),
        (("training", "domains"), [], "list A, B or both"),
        (("verdict", "enabled"), True, "the study has 2; add seeds"),
        (("verdict", "rule", "superior"), [], "nothing to win"),
        (("figures", "methods"), ["nobody"], "names of adaptation.methods"),
        (("compute", "device"), "gpu", "nearest of cpu, cuda"),
    ],
)
def test_an_impossible_setting_says_the_remedy(path, value, words):
    with pytest.raises(SettingsError, match=re.escape(words)):
        checks.parse(edited(path, value))


def with_variant(**changes) -> Study:
    """The default study with a variant of ViT-AC or HOPE."""
    variant = {"of": "hope", "model": {}, "training": {}} | changes
    return checks.parse(edited(("variants", "one"), variant))


def test_a_variant_differs_in_its_keys_alone():
    study = with_variant(model={"gate": "hard", "adaptive": []}, training={"steps": 7})
    changed = dataclasses.replace(study.models.hope, gate="hard", adaptive=())
    assert settings.trained_names(study)[:3] == ("vit_ac", "hope", "plain")
    assert settings.model_names(study)[-2:] == settings.CLOSED_FORM
    assert settings.model_settings(study, "one") == changed
    assert settings.model_kind(study, "one") == "hope"
    assert settings.training_settings(study, "one") == dataclasses.replace(study.training, steps=7)
    for name in ("vit_ac", "hope"):
        assert settings.model_settings(study, name) == getattr(study.models, name)
        assert settings.model_kind(study, name) == name
        assert settings.training_settings(study, name) == study.training


def test_a_variant_may_say_what_the_base_says():
    study = with_variant(of="vit_ac", model=DEFAULT["models"]["vit_ac"])
    assert settings.model_settings(study, "one") == study.models.vit_ac


def test_a_variant_of_the_vit_has_no_memory():
    config = edited(("variants", "one"), {"of": "vit_ac", "model": {}, "training": {}})
    methods = config["adaptation"]["methods"]
    methods["one"] = methods["hope"] | {"model": "one"}
    with pytest.raises(
        SettingsError, match=r"methods\.one\.look_back_rate = .*: one has no memory"
    ):
        checks.parse(config)


def test_contestants_run_with_their_twins_and_no_others():
    config = edited(("adaptation", "contestants"), ["hope", "vit_tta"])
    running = checks.parse(config).adaptation.running
    assert list(running) == ["hope_frozen", "hope", "vit_frozen", "vit_tta"]


def test_an_empty_list_tunes_nothing_and_needs_no_clips():
    config = edited(("adaptation", "tuning"), {"vit_tta": [], "hope": []})
    config["adaptation"]["tuning_seeds"] = []
    config["splits"]["tuning_1"]["a"] = 0
    assert not any(checks.parse(config).adaptation.tuning.values())


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_are_complete_with_the_default(name):
    overlay = yaml.safe_load((CONFIG / f"{name}.yaml").read_text())
    study = checks.parse(merged(DEFAULT, overlay))
    assert study.study == name


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_say_nothing_that_the_default_says(name):
    overlay = yaml.safe_load((CONFIG / f"{name}.yaml").read_text())
    repeated = [p for p in paths(overlay) if p in LEAVES and at(p) == _value(overlay, p)]
    assert repeated == []


def _value(config: dict, path: tuple) -> Any:
    for name in path:
        config = config[name]
    return config


def test_the_section_of_one_predictor_is_read_alone():
    hope = settings.read_model("hope", DEFAULT["models"]["hope"])
    assert hope == checks.parse(DEFAULT).models.hope
    with pytest.raises(SettingsError, match=r"models\.hope\.depth"):
        settings.read_model("hope", {})
    with pytest.raises(SettingsError, match="vit_ac, hope"):
        settings.read_model("lstm", {})


def test_weights_are_random_a_known_name_or_a_path(tmp_path):
    for good in ("random", "vitl", str(tmp_path)):
        settings.require_weights(good, {"vitl": {}})
    for bad in ("vit", "", str(tmp_path / "missing"), "vitl\0"):
        with pytest.raises(SettingsError, match=r"encoder\.weights.* random, vitl, or the path of"):
            settings.require_weights(bad, {"vitl": {}})


def verdict_study(**changes) -> dict:
    """A configuration that gives a verdict."""
    config = edited(("verdict", "enabled"), True)
    return config | {"seeds": [0, 1, 2, 3, 4, 5], "orders": [0, 1]} | changes


def test_a_verdict_needs_its_seeds_orders_contestants_and_placebo():
    assert checks.parse(verdict_study()).verdict.enabled
    for changes, words in (
        ({"seeds": [0, 1]}, "the study has 2; add seeds, or set verdict.enabled: false"),
        ({"orders": [0]}, "the study has 1; add orders"),
    ):
        with pytest.raises(SettingsError, match=re.escape(words)):
            checks.parse(verdict_study(**changes))
    config = verdict_study()
    config["adaptation"] = config["adaptation"] | {"runs": ["main"]}
    with pytest.raises(SettingsError, match="no placebo stream"):
        checks.parse(config)
    config["adaptation"] = DEFAULT["adaptation"] | {"contestants": ["hope"], "streams": {}}
    config["adaptation"]["streams"] = copy.deepcopy(DEFAULT["adaptation"]["streams"])
    config["adaptation"]["streams"]["placebo"]["contestants"] = []
    with pytest.raises(SettingsError, match=r"verdict\.baseline = 'vit_tta': does not run"):
        checks.parse(config)


def test_a_placebo_of_a_verdict_has_no_change_in_it():
    config = copy.deepcopy(verdict_study())
    config["adaptation"]["streams"]["placebo"]["domains"] = ["A", "B", "A"]
    with pytest.raises(SettingsError, match="a placebo with a change; write A in every phase"):
        checks.parse(config)


def test_a_stream_runs_its_own_contestants_with_their_twins():
    adaptation = checks.parse(DEFAULT).adaptation
    assert set(adaptation.running_in("main")) == set(adaptation.running)
    placebo = list(adaptation.running_in("placebo"))
    assert placebo == ["vit_frozen", "vit_tta", "hope_frozen", "hope"]


def test_models_that_run_and_those_they_are_matched_with_are_trained():
    config = edited(("training", "match"), "vit_ac")
    config["adaptation"]["contestants"] = ["hope", "mean_map"]
    config["adaptation"]["streams"]["placebo"]["contestants"] = []
    assert settings.running_models(checks.parse(config)) == ["hope", "vit_ac"]


def test_a_severity_that_is_shown_stays_within_b():
    config = edited(("simulation", "severities", "mass", "mass_scale"), 0.1)
    config["dataset"]["severities"] = ["mild"]
    assert checks.parse(config).simulation.severities["mass"].mass_scale == 0.1
    config["adaptation"]["runs"] = ["main", "mass"]
    with pytest.raises(SettingsError, match=r"mass\.mass_scale = 0\.1: beyond domain_b"):
        checks.parse(config)
    config["adaptation"]["runs"], config["dataset"]["severities"] = ["main"], ["mass"]
    with pytest.raises(SettingsError, match=r"mass\.mass_scale = 0\.1: beyond domain_b"):
        checks.parse(config)
    config["dataset"]["severities"] = ["ice"]
    with pytest.raises(SettingsError, match=r"dataset\.severities = 'ice': no such domain"):
        checks.parse(config)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("splits", "leakage", "b"), 44, "unpaired clips"),
        (("leakage", "folds"), 11, "fewer episodes than folds"),
    ],
)
def test_the_leakage_study_needs_pairs_and_episodes(path, value, problem):
    config = edited(path, value)
    with pytest.raises(SettingsError, match=problem):
        checks.parse(config)
    config["leakage"]["modes"] = []
    checks.parse(config)


def test_a_reset_takes_the_rate_of_what_it_resets():
    config = edited(("adaptation", "rates"), "tuned")
    tuned = checks.parse(config).adaptation.tuned_as
    assert tuned("vit_tta") == tuned("vit_tta_per_clip") == "vit_tta"
    assert tuned("hope_per_clip") == "hope"
    assert [tuned(name) for name in ("vit_tta_literal", "vit_frozen", "vit_full")] == ["", "", ""]
    assert checks.parse(DEFAULT).adaptation.tuned_as("vit_tta") == ""


def test_rules_of_a_stream_are_idle_where_no_method_uses_them():
    study = checks.parse(DEFAULT)
    methods, fields = study.adaptation.methods, vars(study.adaptation)
    idle = settings.idle_rules([methods["vit_frozen"], methods["hope"]])
    rules = {"clip_norm", "reset_every", "recovery_ratio", "recovery_memory"}
    assert set(idle) == rules | {"checkpoint_clips"} <= set(fields)
    users = {"clip_norm": "vit_tta", "reset_every": "vit_tta_every"}
    users |= dict.fromkeys(("recovery_ratio", "recovery_memory"), "vit_tta_on_recovery")
    for rule, user in users.items():
        assert rule not in settings.idle_rules([methods["vit_frozen"], methods[user]])
    checks.parse(edited(("adaptation",), DEFAULT["adaptation"] | idle))
