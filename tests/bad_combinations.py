"""Settings that are each possible and cannot go together."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.bad_configs import (
    BASES,
    Bad,
    bad_names,
    broken_sections,
    broken_values,
    missing_keys,
    misspelt_keys,
)
from tests.config_leaves import Path, edited

METHODS, STREAMS = ("adaptation", "methods"), ("adaptation", "streams")
MAIN = (*STREAMS, "main")
HOPE = (*METHODS, "hope")
VIT = (*METHODS, "vit_tta")
FORMULA = (*METHODS, "mean_map")


class Wrong(NamedTuple):
    """A value of a key, and the part of it that the error shows."""

    value: Any
    shown: Any


def _number(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


def _no_multiple(of: int, low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high).filter(lambda number: number % of)


def _unknown() -> st.SearchStrategy[str]:
    return st.sampled_from(["hoppe", "vit_frozn", "nobody", "", "A B", "ünï", "main2"])


def _listed(strategy: st.SearchStrategy) -> st.SearchStrategy[Wrong]:
    return strategy.map(lambda one: Wrong([one], one))


# The key that is wrong → what is wrong there, for the default study and the overlays alike. A value
# that is no `Wrong` is shown whole.
ALONE: dict[Path, st.SearchStrategy[Any]] = {
    ("study",): st.sampled_from(["", "a/b", "..", "-x", "a b", "ü", "x" * 61, "a\nb"]),
    ("seeds",): st.sampled_from([[], [0, 0], [1, 2, 1]]),
    ("orders",): st.sampled_from([[], [3, 3]]),
    ("simulation", "frame_count"): st.sampled_from([2, 8, 15, 17, 32]),
    ("simulation", "step_hz"): _no_multiple(12, 13, 2000),
    ("simulation", "onset_frames"): _listed(st.sampled_from([2, 4, 14, 15, 100])),
    ("camera", "image_px"): _no_multiple(16, 33, 600),
    ("camera", "eye_m"): st.sampled_from(
        [Wrong(list(eye), eye) for eye in [(0.0, 0.0, 3.0), (0.0, 1.0, 0.0), (1.0, 1.0, -2.0)]]
    ),
    ("splits", "train", "a"): _no_multiple(4, 1, 500),
    ("splits", "probe", "b"): st.sampled_from([0, 1, 3, 7]),
    ("splits", "stream_2", "b"): st.sampled_from([0, 2, 5]),
    ("leakage", "modes"): st.sampled_from([["clip", "clip"], ["tubelet", "clip", "tubelet"]]),
    ("dataset", "severities"): _listed(_unknown()),
    ("models", "hope", "heads"): st.sampled_from([32, 48, 96]),
    ("models", "vit_ac", "heads"): st.sampled_from([32, 48, 96]),
    ("models", "hope", "width"): _no_multiple(8, 100, 1000),
    ("models", "vit_ac", "width"): _no_multiple(8, 100, 1000),
    ("models", "vit_ac", "mlp_ratio"): st.sampled_from([1e-9, 1e-4]),
    ("models", "hope", "memory_ratio"): st.sampled_from([1e-9, 1e-3]),
    ("models", "hope", "cms_periods"): st.sampled_from([[4, 1], [1, 1], [1, 16, 4]]),
    ("training", "decay_share"): st.floats(0.96, 1.0),
    ("training", "domains"): st.sampled_from([["A", "A"], ["B", "A", "B"]]),
    ("training", "match"): _unknown().filter(bool),
    ("training", "episodes_per_batch"): _number(5000, 10**6),
    ("adaptation", "contestants"): st.one_of(_listed(_unknown()), st.just(["hope", "hope"])),
    ("adaptation", "runs"): st.sampled_from(
        [["placebo"], ["main", "main"], Wrong(["main", "plcebo"], "plcebo")]
    ),
    (*MAIN, "domains"): st.sampled_from(
        [["A", "A", "A"], ["B", "A", "B"], Wrong(["A", "ice", "A"], "ice")]
    ),
    (*MAIN, "clips"): st.sampled_from(
        [[4, 4], [4, 4, 4, 4], Wrong([4, 4000, 4], 4000), Wrong([4, 6, 4], 6)]
    ),
    (*STREAMS, "return", "contestants"): _listed(_unknown()),
    (*HOPE, "model"): _unknown(),
    (*HOPE, "twin"): st.one_of(_unknown(), st.sampled_from(["hope", "vit_frozen", "vit_tta"])),
    (*HOPE, "learning_rate"): st.floats(1e-6, 1.0),
    (*VIT, "look_back_rate"): st.floats(1e-3, 100.0),
    (*FORMULA, "adapt"): st.sampled_from(["layer_norm", "action_encoder", "all"]),
    (*FORMULA, "reset"): st.sampled_from(["per_clip", "every", "at_change"]),
    ("figures", "methods"): st.one_of(_listed(_unknown()), st.just([]), st.just(["hope"] * 2)),
    ("verdict", "candidate"): _unknown(),
    ("verdict", "rule", "superior"): st.just([]),
}
TUNING = ("adaptation", "tuning")
# What needs more than one key, with the key and the value that the error names.
TOGETHER: list[tuple[Path, dict[Path, Any], Any]] = [
    (("adaptation", "rates"), {("adaptation", "rates"): "tuned", TUNING: {}}, "tuned"),
    (TUNING, {TUNING: {"vit_tta": [1e-3], "hope": [1.0, 2.0]}}, {"vit_tta": 1, "hope": 2}),
    ((*TUNING, "vit_tta"), {TUNING: {"vit_tta": [1e-3, 1e-3]}}, [1e-3, 1e-3]),
    ((*TUNING, "vit_tta"), {TUNING: {"vit_tta": [1e-3, 1e7]}}, 1e7),
    ((*TUNING, "vit_frozen"), {TUNING: {"vit_frozen": [1e-3]}}, [1e-3]),
    ((*TUNING, "nobody"), {TUNING: {"nobody": [1e-3]}}, [1e-3]),
    (("adaptation", "tuning_seeds"), {("adaptation", "tuning_seeds"): [99]}, [99]),
    (("splits", "leakage", "b"), {("splits", "leakage"): {"a": 40, "b": 44}}, 44),
    (("splits", "leakage", "a"), {("splits", "leakage"): {"a": 4, "b": 4}}, 4),
    (("splits", "train", "b"), {("training", "domains"): ["B"], ("splits", "train", "b"): 0}, 0),
    (("verdict", "seeds"), {("verdict", "enabled"): True, ("verdict", "seeds"): 99}, 99),
    (
        ("verdict", "baseline"),
        {("verdict", "enabled"): True, ("verdict", "baseline"): "hope"},
        "hope",
    ),
    (
        ("variants",),
        {("variants", "mean_map"): {"of": "hope", "model": {}, "training": {}}},
        "mean_map",
    ),
    (("variants", "one", "model", "depths"), {("variants", "one"): {"depths": 3}}, 3),
    (("variants", "one", "model", "gate"), {("variants", "one"): {"gate": False}}, False),
    (("variants", "one", "model", "heads"), {("variants", "one"): {"heads": 0}}, 0),
]


@st.composite
def combinations(draw) -> Bad:
    """A configuration whose keys are possible, one by one."""
    if draw(st.integers(0, 2)):
        path = draw(st.sampled_from(sorted(ALONE)))
        drawn = draw(ALONE[path])
        value, shown = drawn if isinstance(drawn, Wrong) else (drawn, drawn)
        changes = {path: value}
    else:
        path, changes, shown = draw(st.sampled_from(TOGETHER))
        if path[:3] == ("variants", "one", "model"):
            model = changes["variants", "one"]
            changes = {("variants", "one"): {"of": "hope", "model": model, "training": {}}}
    return Bad(edited(BASES[0], changes), ".".join(path), "combination", shown)


BAD = st.one_of(
    broken_values(), missing_keys(), misspelt_keys(), broken_sections(), bad_names(), combinations()
)
