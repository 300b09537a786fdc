"""Typed settings of a study: what every key means, its unit and its range.

Values live in config/*.yaml and nowhere else; this module holds types and invariants.
`parse(config)` turns the merged YAML mapping into a `Study` or raises `SettingsError`, one line
that names the section, the key, the value and the remedy. Standard library only.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hopeworld.strict import SettingsError, key, listed, read

PATCH_PX = 16
TUBELET_FRAMES = 2
CLIP_FRAMES = 16
SPLITS = (
    "train",
    "validation",
    "tuning_1",
    "tuning_2",
    "tuning_3",
    "stream_1",
    "stream_2",
    "stream_3",
    "probe",
    "out_of_range",
    "held_out",
)


@dataclass(frozen=True)
class Domain:
    """Multipliers that turn the drawn physics into the physics of one domain."""

    friction_scale: float = key("factor on the friction coefficient", above=0)
    mass_scale: float = key("factor on the mass", above=0)


@dataclass(frozen=True)
class Simulation:
    """What is simulated: one object, one force impulse, sliding on a plane."""

    seed: int = key("entropy of every draw; splits, episodes and clips spawn from it", low=0)
    frame_count: int = key("frames of a clip; the encoder's 8 tubelets need 16", low=2)
    frame_hz: int = key("video frames per simulated second", "1/s", low=1)
    step_hz: int = key("physics steps per simulated second; a multiple of frame_hz", "1/s", low=1)
    inertia_scale: float = key("factor on the rotational inertia; 1e4 locks rotation", low=1)
    episode_clips: int = key("consecutive clips that share hidden friction and mass", low=1)
    friction: tuple[float, float] = key("range of the friction coefficient", above=0)
    mass_kg: tuple[float, float] = key("range of the mass", "kg", above=0)
    force_n: tuple[float, float] = key("range of the force, applied for one frame", "N", above=0)
    out_of_range_force_n: tuple[float, float] = key("force range of `out_of_range`", "N", above=0)
    onset_frames: tuple[int, ...] = key("frames n that the push may start at; odd", low=1)
    start_m: float = key("half side of the square of start positions", "m", low=0)
    domain_a: Domain = key("normal physics")
    domain_b: Domain = key("reduced friction and mass")


Shape = Literal["box", "slab", "cylinder", "disc", "hexprism"]


@dataclass(frozen=True)
class Appearance:
    """What a clip looks like; ranges of equal ends fix a value. Colours are HSV in [0, 1]."""

    shapes: tuple[Shape, ...] = key("shapes drawn")
    held_out_shapes: tuple[Shape, ...] = key("shapes of the split `held_out` only")
    half_width_m: tuple[float, float] = key("half width, or radius of a round shape", "m", above=0)
    aspect: tuple[float, float] = key("half width over half depth is its square", above=0)
    height_ratio: tuple[float, float] = key("half height over half width", above=0)
    hue: tuple[float, float] = key("object hue", low=0, high=1)
    saturation: tuple[float, float] = key("object saturation", low=0, high=1)
    brightness: tuple[float, float] = key("object value", low=0, high=1)
    ground_hue: tuple[float, float] = key("ground hue", low=0, high=1)
    ground_saturation: tuple[float, float] = key("ground saturation", low=0, high=1)
    ground_brightness: tuple[float, float] = key("ground value", low=0, high=1)
    checker_contrast: tuple[float, float] = key("brightness ratio of the two ground tiles", low=1)
    checker_m: float = key("side of a ground tile", "m", above=0)
    light_azimuth_rad: tuple[float, float] = key("direction of the light", "rad")


@dataclass(frozen=True)
class Camera:
    """A fixed pinhole camera that looks at a target with z up."""

    image_px: int = key("side of the square image; a multiple of the 16 px patch", "px", low=32)
    eye_m: tuple[float, float, float] = key("position of the eye", "m")
    target_m: tuple[float, float, float] = key("point looked at", "m")
    field_of_view_deg: float = key("vertical field of view", "deg", above=0, high=120)
    antialias: int = key("rays per pixel and axis", low=1, high=8)


@dataclass(frozen=True)
class SplitSize:
    """How many clips of a split exist; clip i of A and clip i of B come from the same draw."""

    a: int = key("clips in domain A", low=0)
    b: int = key("clips in domain B", low=0)


@dataclass(frozen=True)
class Encoder:
    """The frozen V-JEPA 2 ViT-L/16."""

    weights: str = key("`random`, a name of resources/weights.yaml, a folder, or Meta's .pt file")
    seed: int = key("seed of `random` weights", low=0)
    mode: Literal["tubelet", "clip"] = key("`tubelet` is causal; `clip` lets the future in")
    dtype: Literal["float32", "bfloat16", "float16"] = key("arithmetic of the encoder")
    batch: int = key("sequences (tubelets or clips) per forward pass", low=1)


@dataclass(frozen=True)
class Store:
    """The HDF5 shards of clips and of features."""

    clips_per_shard: int = key("clips in a shard; simulated and encoded as one job", low=1)


@dataclass(frozen=True)
class VitAC:
    """ViT-AC, numerically Meta's V-JEPA 2 action-conditioned predictor."""

    depth: int = key("transformer blocks", low=1)
    width: int = key("inner width C", low=12)
    heads: int = key("attention heads", low=1)
    mlp_ratio: float = key("hidden width of the MLP over C", above=0)
    rope: Literal["meta", "standard"] = key("tiling of the rotary angles")


@dataclass(frozen=True)
class Hope:
    """AC-HOPE-ViT: self-modifying Titan memory and continuum memory system."""

    depth: int = key("HOPE blocks", low=1)
    width: int = key("inner width C", low=12)
    heads: int = key("heads of the mixer", low=1)
    memory_ratio: float = key("hidden width of a memory over the head width", above=0)
    mixer: Literal["titan", "linear", "attention"] = key(
        "main memory: residual MLP, linear, or attention instead (HOPE-Attention)"
    )
    write: Literal["proximal", "dgd", "delta"] = key("write rule of the memories")
    read: Literal["after", "before"] = key("a step is read after it is written, or before")
    self_target: bool = key("targets are what the memory makes of v; else v itself")
    adaptive: tuple[Literal["k", "v", "eta", "alpha"], ...] = key("projections that are memories")
    self_write: float = key("strength of the writes of M_k, M_v, M_eta, M_alpha", low=0, high=1)
    gate: Literal["off", "soft", "hard"] = key("surprise gate")
    retention: bool = key("alpha < 1 forgets; else what is written stays")
    writes: bool = key("memories are written; else they answer with their initial weights")
    first_order: bool = key("no gradient through keys, features and targets of a write")
    local_mixing: bool = key("depthwise 3x3 in the frame, causal over 4 steps")
    feature_norm: bool = key("features of a memory are divided by the root of their number")
    rope: Literal["meta", "standard", "off"] = key("tiling of the rotary angles of q and k")
    cms_periods: tuple[int, ...] = key("transitions between the updates of a level", low=1)
    cms_hidden: int = key("hidden width of each level; the free number of the size", low=1)
    cms_decay: float = key("decay of a level's delta per update", low=0, high=1)
    cms_loss: Literal["look_back", "local", "off"] = key(
        "what a level learns online from: the observed latent, its own input, nothing"
    )


@dataclass(frozen=True)
class Models:
    """The two predictors; one interface. The studies here keep their sizes within 2 %."""

    vit_ac: VitAC = key("attention")
    hope: Hope = key("self-modifying memory")


@dataclass(frozen=True)
class Training:
    """Teacher forcing and rollout on domain A."""

    steps: int = key("optimiser steps, for both predictors", low=1)
    episodes_per_batch: int = key("episodes side by side in a batch", low=1)
    learning_rate: float = key("peak of warm-up, constant, decay", above=0)
    warmup_share: float = key("share of the steps that warm up", low=0, high=1)
    decay_share: float = key("share of the steps that decay to zero", low=0, high=1)
    weight_decay: float = key("AdamW; not on biases and 1-D parameters", low=0)
    clip_norm: float = key("bound on the gradient norm", above=0)
    rollout_loss: Literal["mean", "final"] = key("mean over the steps, or the last step only")
    rollout_steps: int = key("steps of the autoregressive rollout", low=1, high=7)
    single_clip_share: float = key(
        "share of the steps, from the start, on single clips: the state is not carried",
        low=0,
        high=1,
    )
    evaluate_every: int = key("steps between validations and checkpoints", low=1)
    autocast: Literal["off", "bfloat16"] = key("mixed precision on a GPU")
    gate_skill: float = key("object skill over persistence that a run must reach", low=0, high=1)
    gate_action_share: float = key("share of it that must vanish without actions", low=0, high=1)


@dataclass(frozen=True)
class Variant:
    """A predictor of its own that differs from one of `models` in some keys, for an ablation."""

    of: Literal["vit_ac", "hope"] = key("the predictor that it is a variant of")
    model: dict[str, Any] = key("keys of models.<of> that differ; {} for none")
    training: dict[str, Any] = key("keys of training that differ; {} for none")


@dataclass(frozen=True)
class Method:
    """A predictor and what it learns along the A-B-A stream."""

    model: str = key("vit_ac, hope or a name of variants")
    adapt: Literal["none", "layer_norm"] = key("parameters that a TTA step changes")
    learning_rate: float = key("Adam step of TTA; 0 is the identity", low=0)
    scope: Literal["carry", "per_clip"] = key("HOPE's memory: kept, or back to initial() per clip")
    look_back_rate: float = key("step of HOPE's CMS deltas along their gradient; 0 is off", low=0)
    twin: str = key("the frozen method that the gain is measured against")

    @property
    def rate(self) -> float:
        """The rate that tuning compares: TTA's step if the method adapts, else the look-back's."""
        return self.learning_rate if self.adapt != "none" else self.look_back_rate


@dataclass(frozen=True)
class Adaptation:
    """The A-B-A stream. A rate is a method's learning_rate, or HOPE's look_back_rate."""

    clip_norm: float = key("bound on the gradient norm of a TTA step", above=0)
    probe_every: int = key("clips between two probe points", low=1)
    diagnose_every: int = key("clips between two rows of memory diagnostics", low=1)
    contestants: tuple[str, ...] = key("the methods that this study runs, beside their twins")
    methods: dict[str, Method] = key("what can run, by name")
    tuning: dict[str, tuple[float, ...]] = key(
        "rates to compare on the tuning stream, by method; [] for none"
    )

    @property
    def running(self) -> dict[str, Method]:
        """The contestants, each after its frozen twin."""
        names = [name for one in self.contestants for name in (self.methods[one].twin, one)]
        return {name: self.methods[name] for name in names}


@dataclass(frozen=True)
class Evaluation:
    """Windows and intervals of the metrics."""

    final_share: float = key("last share of a phase that final losses average", above=0, high=1)
    recovery_clips: int = key("first clips of A2 that stream forgetting averages", low=1)
    recovery_margin: float = key(
        "loss above the frozen twin, as a share of persistence, that counts as recovered", low=0
    )
    rolling_clips: int = key("window of the smoothed curves", low=1)
    confidence: float = key("level of the intervals", above=0, high=0.999)


@dataclass(frozen=True)
class Figures:
    """How figures are drawn."""

    text_width_in: float = key("width of the text block of the thesis", "in", above=0)
    font_pt: float = key("font size", "pt", low=5, high=14)
    dpi: int = key("resolution of the PNG files", "1/in", low=72, high=1200)


@dataclass(frozen=True)
class Compute:
    """Where the encoder and the predictors run; never part of a result's parameters."""

    device: Literal["cpu", "cuda"] = key("explicit choice; `cuda` claims one GPU per job")


@dataclass(frozen=True)
class Study:
    """Everything that a study computes with."""

    study: str = key("name of the folder under results/")
    seeds: tuple[int, ...] = key("training seeds", low=0)
    orders: tuple[int, ...] = key("orders of the episodes in the stream; 0 is as drawn", low=0)
    simulation: Simulation = key("physics")
    appearance: Appearance = key("looks")
    camera: Camera = key("view")
    splits: dict[str, SplitSize] = key("clips per split")
    encoder: Encoder = key("frozen features")
    store: Store = key("files")
    models: Models = key("predictors")
    variants: dict[str, Variant] = key("predictors that differ in some keys; {} for none")
    training: Training = key("training")
    adaptation: Adaptation = key("test-time adaptation")
    evaluation: Evaluation = key("metrics")
    figures: Figures = key("figures")
    compute: Compute = key("hardware")


def parse(config: Mapping[str, Any]) -> Study:
    """Read a merged configuration; raise `SettingsError` on the first thing that is wrong."""
    study = read(Study, config)
    check_study(study)
    return study


def require_weights(weights: str, known: Collection[str]) -> None:
    """Raise `SettingsError` unless `encoder.weights` is `random`, a known name or a path."""
    if weights != "random" and weights not in known and not (weights and Path(weights).exists()):
        remedy = f"use random, one of {listed(known)}, or the path of a folder or .pt file"
        raise SettingsError("encoder.weights", weights, "no such name, folder or file", remedy)


def model_names(study: Study) -> tuple[str, ...]:
    """Every predictor that a method may name."""
    return (*(field.name for field in dataclasses.fields(Models)), *study.variants)


def model_kind(study: Study, name: str) -> str:
    """What a predictor is, `vit_ac` or `hope`: its own name, or what it is a variant of."""
    return study.variants[name].of if name in study.variants else name


def model_settings(study: Study, name: str) -> VitAC | Hope:
    """The settings of a predictor, a variant's changes merged over what it is a variant of."""
    base = getattr(study.models, model_kind(study, name))
    if name not in study.variants:
        return base
    return _changed(base, study.variants[name].model, f"variants.{name}.model")


def training_settings(study: Study, name: str) -> Training:
    """How a predictor is trained, a variant's changes merged over `training`."""
    if name not in study.variants:
        return study.training
    return _changed(study.training, study.variants[name].training, f"variants.{name}.training")


def _changed(base: Any, changes: Mapping[str, Any], path: str) -> Any:
    """The section with some keys changed; what is wrong with one is an error below `path`."""
    return read(type(base), dataclasses.asdict(base) | dict(changes), path)


def read_model(name: str, value: Any, path: str = "models") -> VitAC | Hope:
    """Read the section of the predictor `name`."""
    kinds = typing.get_type_hints(Models)
    if name not in kinds:
        raise SettingsError(path, name, "no such predictor", f"use one of {listed(kinds)}")
    return read(kinds[name], value, f"{path}.{name}")


def check_study(study: Study) -> None:
    """Check what spans several keys; each check raises `SettingsError`."""
    _check_names(study)
    _check_time(study.simulation)
    _check_space(study)
    _check_splits(study)
    for name in model_names(study):
        check_model(model_settings(study, name), _where(study, name, "model", f"models.{name}"))
        _check_training(study, name)
    _check_methods(study)
    _check_contestants(study.adaptation)
    _check_tuning(study.adaptation, study.splits)


def _check_names(study: Study) -> None:
    if not study.study.replace("_", "").replace("-", "").isalnum():
        remedy = "use letters, digits, - and _ only: it names a folder"
        raise SettingsError("study", study.study, "not a name", remedy)
    for name in ("seeds", "orders"):
        values = getattr(study, name)
        if not values or len(set(values)) != len(values):
            raise SettingsError(name, list(values), "empty or repeated", "list distinct numbers")
    for name in study.variants:
        if not str(name).isidentifier() or hasattr(study.models, name):
            remedy = "use letters, digits and _ only, and neither vit_ac nor hope"
            raise SettingsError("variants", name, "not a name for a variant", remedy)


def _check_time(simulation: Simulation) -> None:
    if simulation.frame_count != CLIP_FRAMES:
        odd = "odd frame count" if simulation.frame_count % 2 else "unsupported frame count"
        remedy = f"use {CLIP_FRAMES}: 8 tubelets of 2 frames"
        raise SettingsError("simulation.frame_count", simulation.frame_count, odd, remedy)
    if simulation.step_hz % simulation.frame_hz:
        remedy = f"use a multiple of frame_hz = {simulation.frame_hz}"
        raise SettingsError("simulation.step_hz", simulation.step_hz, "not a multiple", remedy)
    last = simulation.frame_count - TUBELET_FRAMES
    for onset in simulation.onset_frames:
        if onset % 2 == 0 or onset >= last:
            remedy = f"use odd frames from 1 to {last - 1}, so that a push falls between tubelets"
            raise SettingsError("simulation.onset_frames", onset, "even or too late", remedy)
    if not simulation.onset_frames:
        raise SettingsError("simulation.onset_frames", [], "empty", "give at least one odd frame")


def _check_space(study: Study) -> None:
    image = study.camera.image_px
    if image % PATCH_PX:
        remedy = f"use a multiple of {PATCH_PX}"
        raise SettingsError("camera.image_px", image, "patches do not divide the image", remedy)
    if study.camera.eye_m[2] <= 0:
        raise SettingsError("camera.eye_m", study.camera.eye_m, "below ground", "lift z above 0")
    if study.camera.eye_m[:2] == study.camera.target_m[:2]:
        remedy = "move the eye aside, or its up direction is undefined"
        raise SettingsError("camera.eye_m", study.camera.eye_m, "straight above target_m", remedy)
    if not study.appearance.shapes:
        raise SettingsError("appearance.shapes", [], "empty", "name at least one shape")
    needed = study.splits.get("held_out")
    if needed and needed.a + needed.b and not study.appearance.held_out_shapes:
        remedy = "name the shapes that only this split shows"
        raise SettingsError("appearance.held_out_shapes", [], "empty", remedy)


def _check_splits(study: Study) -> None:
    for name in study.splits:
        if name not in SPLITS:
            raise SettingsError(f"splits.{name}", name, "unknown", f"use {listed(SPLITS)}")
    for name in SPLITS:
        if name not in study.splits:
            raise SettingsError(f"splits.{name}", None, "missing key", "set {a: 0, b: 0} to skip")
    needed = [("train", "a"), ("validation", "a"), ("probe", "a"), ("probe", "b")]
    needed += [("stream_1", "a"), ("stream_2", "b"), ("stream_3", "a")]
    episode = study.simulation.episode_clips
    for split, domain in needed:
        if getattr(study.splits[split], domain) == 0:
            raise SettingsError(
                f"splits.{split}.{domain}", 0, "empty", "the study needs clips here"
            )
    for split, size in study.splits.items():
        for domain in ("a", "b"):
            clips = getattr(size, domain)
            if clips % episode:
                remedy = f"use a multiple of simulation.episode_clips = {episode}"
                raise SettingsError(f"splits.{split}.{domain}", clips, "cuts an episode", remedy)


def check_model(model: VitAC | Hope, where: str) -> None:
    """Raise `SettingsError` unless the sizes of a predictor fit each other.

    where: the section that the settings stand in, for the message.
    """
    if model.width % model.heads:
        remedy = f"use a multiple of heads = {model.heads}"
        raise SettingsError(f"{where}.width", model.width, "heads do not divide", remedy)
    if model.width // model.heads < 12 and model.rope != "off":
        remedy = "heads of at least 12 channels are needed for 3D RoPE: use fewer heads"
        raise SettingsError(f"{where}.heads", model.heads, "too narrow heads", remedy)
    periods = list(model.cms_periods) if isinstance(model, Hope) else [1]
    if not periods or periods != sorted(set(periods)):
        remedy = "list ascending periods, fastest first"
        raise SettingsError(f"{where}.cms_periods", periods, "not ascending", remedy)


def _check_training(study: Study, name: str) -> None:
    training, where = training_settings(study, name), _where(study, name, "training", "training")
    shares = training.warmup_share + training.decay_share
    if shares > 1:
        remedy = f"warmup_share and decay_share may add up to 1, not {shares:g}"
        raise SettingsError(f"{where}.decay_share", training.decay_share, "too large", remedy)
    batch, episodes = training.episodes_per_batch, _training_episodes(study)
    if batch > episodes:
        remedy = f"at most {episodes} episodes are in splits.train.a"
        raise SettingsError(f"{where}.episodes_per_batch", batch, "more than there are", remedy)


def _where(study: Study, name: str, part: str, base: str) -> str:
    """Where the settings of a predictor stand in the configuration."""
    return f"variants.{name}.{part}" if name in study.variants else base


def _training_episodes(study: Study) -> int:
    return study.splits["train"].a // study.simulation.episode_clips


def _check_methods(study: Study) -> None:
    methods = study.adaptation.methods
    for name, method in methods.items():
        where = f"adaptation.methods.{name}"
        if not str(name).isidentifier():
            remedy = "use letters, digits and _ only: it names a folder"
            raise SettingsError("adaptation.methods", name, "not a name", remedy)
        if method.model not in model_names(study):
            remedy = f"use one of {listed(model_names(study))}"
            raise SettingsError(f"{where}.model", method.model, "no such predictor", remedy)
        _check_learning(study, method, where)
        _check_twin(methods, method, where)


def _check_learning(study: Study, method: Method, where: str) -> None:
    """A method learns only what its predictor can."""
    model, rate = model_settings(study, method.model), method.look_back_rate
    if method.adapt == "none" and method.learning_rate != 0:
        key = f"{where}.learning_rate"
        raise SettingsError(key, method.learning_rate, "nothing adapts", "set it to 0")
    if isinstance(model, VitAC) and (rate or method.scope != "carry"):
        remedy = "set look_back_rate: 0 and scope: carry"
        raise SettingsError(where, method.model, "has no memory", remedy)
    if isinstance(model, Hope) and rate and model.cms_loss != "look_back":
        problem = f"{method.model} has cms_loss: {model.cms_loss}, so nothing looks back"
        remedy = "set it to 0, or name a predictor with cms_loss: look_back"
        raise SettingsError(f"{where}.look_back_rate", rate, problem, remedy)


def _check_twin(methods: Mapping[str, Method], method: Method, where: str) -> None:
    twin = methods.get(method.twin)
    if twin is None or twin.model != method.model:
        remedy = f"name a method of model {method.model}"
        raise SettingsError(f"{where}.twin", method.twin, "no such twin", remedy)
    if twin.adapt != "none" or twin.look_back_rate:
        remedy = "name a method with adapt: none and look_back_rate: 0"
        raise SettingsError(f"{where}.twin", method.twin, "is not frozen", remedy)


def _check_contestants(adaptation: Adaptation) -> None:
    where, names = "adaptation.contestants", adaptation.contestants
    if not names or len(set(names)) != len(names):
        remedy = "list at least one method, each once"
        raise SettingsError(where, list(names), "empty or repeated", remedy)
    for name in names:
        if name not in adaptation.methods:
            remedy = f"use names of adaptation.methods: {listed(adaptation.methods)}"
            raise SettingsError(where, name, "no such method", remedy)


def _check_tuning(adaptation: Adaptation, splits: Mapping[str, SplitSize]) -> None:
    for split, domain in (("tuning_1", "a"), ("tuning_2", "b"), ("tuning_3", "a")):
        if any(adaptation.tuning.values()) and getattr(splits[split], domain) == 0:
            remedy = "adaptation.tuning compares rates on these clips"
            raise SettingsError(f"splits.{split}.{domain}", 0, "empty", remedy)
    for name, rates in adaptation.tuning.items():
        where = f"adaptation.tuning.{name}"
        if name not in adaptation.methods:
            remedy = f"use a name of adaptation.methods: {listed(adaptation.methods)}"
            raise SettingsError(where, list(rates), "no such method", remedy)
        if rates and (adaptation.methods[name].rate == 0 or min(rates) <= 0):
            remedy = "give positive rates of a method that learns online"
            raise SettingsError(where, list(rates), "nothing to tune", remedy)


def with_rate(method: Method, rate: float) -> Method:
    """The method with another rate: TTA's learning_rate if it adapts, else the look_back_rate."""
    field = "learning_rate" if method.adapt != "none" else "look_back_rate"
    return dataclasses.replace(method, **{field: rate})
