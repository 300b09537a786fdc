"""Configurations drawn within all bounds, of a size that is planned in seconds."""

from __future__ import annotations

import typing
from typing import Any, Literal

from hypothesis import strategies as st

from tests.config_leaves import Leaf, Path, edited, leaves
from tests.snakemake_runs import read_config

DEFAULT = read_config()
LEARNING = ["vit_tta", "vit_force_scale", "hope", "hope_tta", "vit_full", "vit_tta_every"]
METHODS = [*LEARNING, "hope_per_clip", "vit_frozen", "mean_map", "linear_extrapolation"]
# Drawn below, as they must agree with others, or size the plan; names are drawn there too.
TOGETHER = {"splits", "seeds", "orders", "study", "leakage", "dataset", "store", "variants"}
SECTIONS = {("adaptation", "methods"), ("adaptation", "streams"), ("adaptation", "tuning")}
SECTIONS |= {("simulation", "severities"), ("verdict", "rule")}
KEYS = {
    *("frame_count", "frame_hz", "step_hz", "episode_clips", "onset_frames", "domain_b"),
    *("image_px", "eye_m", "target_m", "weights", "width", "heads", "cms_periods", "cms_loss"),
    *("mlp_ratio", "memory_ratio", "domains", "match", "episodes_per_batch"),
    *("warmup_share", "decay_share", "contestants", "runs", "rates", "tuning_seeds"),
    *("methods", "enabled", "candidate", "baseline", "shapes", "held_out_shapes"),
    *("force_n", "out_of_range_force_n"),
}


def _is_free(leaf: Leaf) -> bool:
    path = leaf.path
    return path[0] not in TOGETHER and path[:2] not in SECTIONS and not KEYS & set(path)


FREE = [leaf for leaf in leaves(DEFAULT) if _is_free(leaf)]


def _within(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Any value of a key that may have all values of its type and bounds."""
    origin, arguments = typing.get_origin(leaf.kind), typing.get_args(leaf.kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(st.sampled_from(typing.get_args(arguments[0])), unique=True)
    if origin is tuple:
        numbers = st.lists(_numbers(leaf), min_size=len(arguments), max_size=len(arguments))
        return numbers.map(sorted)
    if leaf.kind is bool:
        return st.booleans()
    return _numbers(leaf)


def _numbers(leaf: Leaf) -> st.SearchStrategy[Any]:
    low, above, high = (leaf.bounds.get(name) for name in ("low", "above", "high"))
    if leaf.kind is int:
        return st.integers(low, int(high) if high is not None else 10**6)
    lowest = above if low is None else low
    top = 1e6 if high is None else high
    return st.floats(lowest, top, exclude_min=above is not None)


def _some(names: list[str], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=least, max_size=4, unique=True)


@st.composite
def _physics(draw) -> dict[Path, Any]:
    hz = draw(st.sampled_from([6, 10, 12, 24]))
    onsets = st.lists(st.sampled_from(range(1, 14, 2)), min_size=1, max_size=3)
    friction, mass = draw(st.floats(0.01, 0.4)), draw(st.floats(0.01, 0.8))
    shapes = draw(st.permutations(["box", "slab", "cylinder", "disc", "hexprism"]))
    cut = draw(st.integers(1, 4))
    low, middle, high = sorted(draw(st.tuples(*[st.floats(0.1, 100)] * 3)))
    x, y, z = draw(st.floats(-5, -0.1)), draw(st.floats(-5, 5)), draw(st.floats(0.1, 9))
    return {
        ("simulation", "frame_hz"): hz,
        ("simulation", "step_hz"): hz * draw(st.integers(1, 100)),
        ("simulation", "onset_frames"): draw(onsets),
        ("simulation", "domain_b"): {"friction_scale": friction, "mass_scale": mass},
        ("simulation", "force_n"): [low, middle],
        ("simulation", "out_of_range_force_n"): [middle, high],
        ("appearance", "shapes"): shapes[:cut],
        ("appearance", "held_out_shapes"): shapes[cut:],
        ("camera", "image_px"): 16 * draw(st.integers(2, 24)),
        ("camera", "eye_m"): [x, y, z],
    }


@st.composite
def _predictors(draw) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for name in ("vit_ac", "hope"):
        heads = draw(st.integers(1, 16))
        found["models", name, "heads"] = heads
        found["models", name, "width"] = heads * draw(st.integers(12, 64))
    found["models", "vit_ac", "mlp_ratio"] = draw(st.floats(0.1, 16))
    found["models", "hope", "memory_ratio"] = draw(st.floats(0.1, 16))
    periods = st.lists(st.integers(1, 64), min_size=1, max_size=4, unique=True)
    found["models", "hope", "cms_periods"] = sorted(draw(periods))
    warmup = draw(st.floats(0, 1))
    found["training", "warmup_share"] = warmup
    found["training", "decay_share"] = draw(st.floats(0, max(0.0, 1 - warmup - 1e-9)))
    found["training", "match"] = draw(st.sampled_from(["", "vit_ac", "hope"]))
    return found


@st.composite
def _streams(draw) -> dict[Path, Any]:
    contestants = draw(_some(METHODS))
    runs = ["main", *draw(st.sampled_from([[], ["placebo"], ["friction"], ["return", "mild"]]))]
    rates = draw(st.integers(0, 3))
    tuned = draw(_some(["vit_tta", "hope", "vit_force_scale"])) if rates else []
    seeds = draw(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
    values = st.permutations([1e-4, 1e-3, 3e-2, 1.0, 30.0]).map(lambda rate: rate[:rates])
    placebo = {"domains": ["A", "A", "A"], "clips": [8, 8, 8], "contestants": contestants[:1]}
    return {
        ("seeds",): seeds,
        ("orders",): draw(st.lists(st.integers(0, 9), min_size=1, max_size=2, unique=True)),
        ("adaptation", "contestants"): contestants,
        ("adaptation", "runs"): runs,
        ("adaptation", "streams", "placebo"): placebo,
        ("splits", "stream_4", "b"): 24,
        ("adaptation", "tuning"): {name: draw(values) for name in tuned},
        ("adaptation", "rates"): "tuned" if rates and draw(st.booleans()) else "given",
        ("adaptation", "tuning_seeds"): seeds[:1] if rates else [],
        ("figures", "methods"): draw(_some(METHODS)),
    }


@st.composite
def _clips(draw) -> dict[Path, Any]:
    episode = draw(st.sampled_from([1, 2, 4]))
    clips = st.integers(1, 12).map(lambda count: 8 * count)
    any_clips = st.integers(0, 6).map(lambda count: episode * count)
    splits = {name: {"a": draw(any_clips), "b": draw(any_clips)} for name in DEFAULT["splits"]}
    for name in ("train", "validation", "probe", "tuning_1", "tuning_2", "tuning_3"):
        splits[name] = {"a": draw(clips), "b": draw(clips)}
    for name in ("stream_1", "stream_2", "stream_3", "stream_4"):
        splits[name] = {"a": 48, "b": 48}
    folds = draw(st.integers(2, 5))
    pairs = episode * draw(st.integers(folds, 2 * folds))
    return {
        ("simulation", "episode_clips"): episode,
        ("splits",): splits | {"leakage": {"a": pairs, "b": pairs}},
        ("training", "episodes_per_batch"): draw(st.integers(1, splits["train"]["a"] // episode)),
        ("leakage", "folds"): folds,
        ("leakage", "modes"): draw(_some(["tubelet", "prefix", "clip"], 0)),
        ("dataset", "severities"): draw(_some(["friction", "mass", "mild"], 0)),
        ("dataset", "preview_clips"): draw(st.integers(1, 12)),
        ("store", "clips_per_shard"): draw(st.integers(16, 128)),
    }


@st.composite
def good_configs(draw) -> dict[str, Any]:
    """A whole configuration: some free keys anew, and the others in agreement."""
    chosen = draw(st.lists(st.sampled_from(FREE), max_size=12, unique_by=lambda leaf: leaf.path))
    changes = {leaf.path: draw(_within(leaf)) for leaf in chosen}
    for part in (_physics(), _predictors(), _streams(), _clips()):
        if draw(st.booleans()):
            changes |= draw(part)
    return edited(DEFAULT, changes)
