"""Typed settings of a study: what every key means, its unit and its range.

Values live in config/*.yaml and nowhere else; this module holds their types. `checks.parse` turns
the merged YAML mapping into a `Study`. Standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hopeworld.strict import SettingsError, key, one_of, read

# The most of anything that is counted: beyond it is a slip of the pen, and a plan without an end.
MOST = 1_000_000
HIGHEST_SEED = 10**9
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
    "stream_4",
    "leakage",
)
PHASES = ("A1", "B", "A2", "B2")
"""The phases of a stream, by position: the second is named B whatever its domain is."""
CLOSED_FORM = ("mean_map", "linear_extrapolation")
"""Predictors without training; persistence is none of them: it is scored beside every other."""


@dataclass(frozen=True)
class Domain:
    """Multipliers that turn the drawn physics into the physics of one domain."""

    friction_scale: float = key("factor on the friction coefficient", above=0, high=1000)
    mass_scale: float = key("factor on the mass", above=0, high=1000)


@dataclass(frozen=True)
class Simulation:
    """What is simulated: one object, one force impulse, sliding on a plane."""

    seed: int = key(
        "entropy of every draw; splits, episodes and clips spawn from it", low=0, high=HIGHEST_SEED
    )
    frame_count: int = key("frames of a clip; the encoder's 8 tubelets need 16", low=2)
    frame_hz: int = key("video frames per simulated second", "1/s", low=1, high=1000)
    step_hz: int = key(
        "physics steps per simulated second; a multiple of frame_hz", "1/s", low=1, high=MOST
    )
    inertia_scale: float = key(
        "factor on the rotational inertia; 1e4 locks rotation", low=1, high=1e9
    )
    episode_clips: int = key(
        "consecutive clips that share hidden friction and mass", low=1, high=MOST
    )
    friction: tuple[float, float] = key("range of the friction coefficient", above=0, high=100)
    mass_kg: tuple[float, float] = key("range of the mass", "kg", above=0, high=1e6)
    force_n: tuple[float, float] = key(
        "range of the force, applied for one frame", "N", above=0, high=1e6
    )
    out_of_range_force_n: tuple[float, float] = key(
        "force range of `out_of_range`", "N", above=0, high=1e6
    )
    onset_frames: tuple[int, ...] = key("frames n that the push may start at; odd", low=1)
    start_m: float = key("half side of the square of start positions", "m", low=0, high=1000)
    domain_a: Domain = key("normal physics")
    domain_b: Domain = key("reduced friction and mass")
    severities: dict[str, Domain] = key("domains between A and B, by name; {} for none")

    def domain(self, name: str) -> Domain:
        """The domain A, B or that of a severity."""
        own = {"A": self.domain_a, "B": self.domain_b}
        return own[name] if name in own else self.severities[name]


Shape = Literal["box", "slab", "cylinder", "disc", "hexprism"]


@dataclass(frozen=True)
class Appearance:
    """What a clip looks like; ranges of equal ends fix a value. Colours are HSV in [0, 1]."""

    shapes: tuple[Shape, ...] = key("shapes drawn")
    held_out_shapes: tuple[Shape, ...] = key("shapes of the split `held_out` only")
    half_width_m: tuple[float, float] = key(
        "half width, or radius of a round shape", "m", above=0, high=1000
    )
    aspect: tuple[float, float] = key(
        "half width over half depth is its square", above=0, high=1000
    )
    height_ratio: tuple[float, float] = key("half height over half width", above=0, high=1000)
    hue: tuple[float, float] = key("object hue", low=0, high=1)
    saturation: tuple[float, float] = key("object saturation", low=0, high=1)
    brightness: tuple[float, float] = key("object value", low=0, high=1)
    ground_hue: tuple[float, float] = key("ground hue", low=0, high=1)
    ground_saturation: tuple[float, float] = key("ground saturation", low=0, high=1)
    ground_brightness: tuple[float, float] = key("ground value", low=0, high=1)
    checker_contrast: tuple[float, float] = key(
        "brightness ratio of the two ground tiles", low=1, high=1e6
    )
    checker_m: float = key("side of a ground tile", "m", above=0, high=1000)
    light_azimuth_rad: tuple[float, float] = key("direction of the light", "rad", low=-7, high=7)


@dataclass(frozen=True)
class Camera:
    """A fixed pinhole camera that looks at a target with z up."""

    image_px: int = key(
        "side of the square image; a multiple of the 16 px patch", "px", low=32, high=4096
    )
    eye_m: tuple[float, float, float] = key("position of the eye", "m", low=-1000, high=1000)
    target_m: tuple[float, float, float] = key("point looked at", "m", low=-1000, high=1000)
    field_of_view_deg: float = key("vertical field of view", "deg", above=0, high=120)
    antialias: int = key("rays per pixel and axis", low=1, high=8)


@dataclass(frozen=True)
class SplitSize:
    """How many clips of a split exist; clip i of A and clip i of B come from the same draw."""

    a: int = key("clips in domain A", low=0, high=MOST)
    b: int = key("clips in domain B", low=0, high=MOST)


Mode = Literal["tubelet", "prefix", "clip"]


@dataclass(frozen=True)
class Encoder:
    """The frozen V-JEPA 2 ViT-L/16."""

    weights: str = key("`random`, a name of resources/weights.yaml, a folder, or Meta's .pt file")
    seed: int = key("seed of `random` weights", low=0, high=HIGHEST_SEED)
    mode: Mode = key("`tubelet` and `prefix` are causal; `clip` lets the future in")
    dtype: Literal["float32", "bfloat16", "float16"] = key("arithmetic of the encoder")
    batch: int = key(
        "sequences per forward pass; 0 chooses from the memory of the job", low=0, high=MOST
    )


@dataclass(frozen=True)
class Store:
    """The HDF5 shards of clips and of features."""

    clips_per_shard: int = key(
        "clips in a shard; simulated and encoded as one job", low=1, high=MOST
    )


@dataclass(frozen=True)
class Leakage:
    """How much of the future the encoder puts into what precedes the push."""

    modes: tuple[Mode, ...] = key("encoder modes to compare; [] skips the comparison")
    folds: int = key("folds of the probe, whole episodes in each", low=2, high=MOST)


@dataclass(frozen=True)
class Dataset:
    """The clips as a folder for others to use."""

    severities: tuple[str, ...] = key("simulation.severities that the split `probe` is shown in")
    preview_clips: int = key(
        "clips of a split in its preview and its contact sheet", low=1, high=MOST
    )


@dataclass(frozen=True)
class VitAC:
    """ViT-AC, numerically Meta's V-JEPA 2 action-conditioned predictor."""

    depth: int = key("transformer blocks", low=1, high=1000)
    width: int = key("inner width C", low=12, high=100_000)
    heads: int = key("attention heads", low=1, high=1000)
    mlp_ratio: float = key("hidden width of the MLP over C", above=0, high=1000)
    rope: Literal["meta", "standard"] = key("tiling of the rotary angles")


@dataclass(frozen=True)
class Hope:
    """AC-HOPE-ViT: self-modifying Titan memory and continuum memory system."""

    depth: int = key("HOPE blocks", low=1, high=1000)
    width: int = key("inner width C", low=12, high=100_000)
    heads: int = key("heads of the mixer", low=1, high=1000)
    memory_ratio: float = key("hidden width of a memory over the head width", above=0, high=1000)
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
    cms_periods: tuple[int, ...] = key(
        "transitions between the updates of a level", low=1, high=MOST
    )
    cms_hidden: int = key(
        "hidden width of each level; the free number of the size", low=1, high=100_000
    )
    cms_decay: float = key("decay of a level's delta per update", low=0, high=1)
    cms_loss: Literal["look_back", "local", "off"] = key(
        "what a level learns online from: the observed latent, its own input, nothing"
    )


@dataclass(frozen=True)
class ClosedForm:
    """A predictor that is a formula."""

    kind: Literal["mean_map", "linear_extrapolation"] = key("the formula")


@dataclass(frozen=True)
class Models:
    """The two predictors; one interface. The studies here keep their sizes within 2 %."""

    vit_ac: VitAC = key("attention")
    hope: Hope = key("self-modifying memory")


@dataclass(frozen=True)
class Training:
    """Teacher forcing and rollout."""

    domains: tuple[Literal["A", "B"], ...] = key("domains of the clips; oracles know B")
    match: str = key("stop at the skill on validation clips of this predictor; '' for all steps")
    steps: int = key("optimiser steps, for both predictors", low=1, high=1e9)
    episodes_per_batch: int = key("episodes side by side in a batch", low=1, high=MOST)
    learning_rate: float = key("peak of warm-up, constant, decay", above=0, high=1000)
    warmup_share: float = key("share of the steps that warm up", low=0, high=1)
    decay_share: float = key("share of the steps that decay to zero", low=0, high=1)
    weight_decay: float = key("AdamW; not on biases and 1-D parameters", low=0, high=1000)
    clip_norm: float = key("bound on the gradient norm", above=0)
    rollout_loss: Literal["mean", "final"] = key("mean over the steps, or the last step only")
    rollout_steps: int = key("steps of the autoregressive rollout", low=1, high=7)
    single_clip_share: float = key(
        "share of the steps, from the start, on single clips: the state is not carried",
        low=0,
        high=1,
    )
    evaluate_every: int = key("steps between validations and checkpoints", low=1, high=1e9)
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
    """A predictor and what it learns along a stream."""

    model: str = key("vit_ac, hope, mean_map, linear_extrapolation or a name of variants")
    adapt: Literal["none", "layer_norm", "action_encoder", "force_scale", "all"] = key(
        "parameters that a TTA step changes; force_scale: one factor on the actions"
    )
    learning_rate: float = key("Adam step of TTA; 0 is the identity", low=0, high=1000)
    reset: Literal["never", "per_clip", "every", "on_recovery", "at_change"] = key(
        "when all that was learnt, by TTA or memory, is dropped"
    )
    look_back_rate: float = key(
        "step of HOPE's CMS deltas along their gradient; 0 is off", low=0, high=1e6
    )
    twin: str = key("the frozen method that the gain is measured against")

    @property
    def rate(self) -> float:
        """The rate that tuning compares: TTA's step if the method adapts, else the look-back's."""
        return self.learning_rate if self.adapt != "none" else self.look_back_rate


@dataclass(frozen=True)
class StreamPlan:
    """The phases of a stream. Phase i takes its clips from the split stream_i."""

    domains: tuple[str, ...] = key("domain of each phase: A, B or a name of simulation.severities")
    clips: tuple[int, ...] = key("clips of each phase, whole episodes", low=1, high=MOST)
    contestants: tuple[str, ...] = key("methods that run it, beside their twins; [] for all")


@dataclass(frozen=True)
class Adaptation:
    """The streams. A rate is a method's learning_rate, or HOPE's look_back_rate."""

    clip_norm: float = key("bound on the gradient norm of a TTA step", above=0)
    delay_steps: int = key(
        "transitions between an observation and learning from it", low=0, high=MOST
    )
    reset_every: int = key("clips between two resets of `every`", low=1, high=MOST)
    recovery_ratio: float = key(
        "loss over the frozen model's, smoothed, at which `on_recovery` resets", above=1
    )
    recovery_memory: float = key("weight of the past in that smoothing", low=0, high=0.999)
    probe_every: int = key("clips between two probe points", low=1, high=MOST)
    diagnose_every: int = key("clips between two rows of memory diagnostics", low=1, high=MOST)
    checkpoint_clips: int = key("clips between two checkpoints of a stream", low=1, high=MOST)
    contestants: tuple[str, ...] = key("the methods that this study runs, beside their twins")
    methods: dict[str, Method] = key("what can run, by name")
    runs: tuple[str, ...] = key("the streams that this study runs; main is one")
    streams: dict[str, StreamPlan] = key("what streams there are, by name")
    rates: Literal["given", "tuned"] = key(
        "rates of methods, or the best of `tuning` where it compares any"
    )
    tuning: dict[str, tuple[float, ...]] = key(
        "rates to compare on the tuning stream, by method; [] for none"
    )
    tuning_seeds: tuple[int, ...] = key(
        "training seeds that rates are compared with", low=0, high=HIGHEST_SEED
    )

    @property
    def running(self) -> dict[str, Method]:
        """The contestants, each after its frozen twin."""
        return self._with_twins(self.contestants)

    def running_in(self, stream: str) -> dict[str, Method]:
        """The contestants of one stream, each after its frozen twin."""
        return self._with_twins(self.streams[stream].contestants or self.contestants)

    def tuned_as(self, name: str) -> str:
        """The method whose sweep gives the rate of `name`; '' where none does.

        Its own, or that of a method that resets otherwise and is the same in all else.
        """
        swept = [other for other, rates in self.tuning.items() if rates]
        if self.rates == "given" or not self.methods[name].rate:
            return ""
        if name in swept:
            return name
        others = (o for o in swept if self.methods[o].reset != self.methods[name].reset)
        alike = (o for o in others if _but_reset(self, o) == _but_reset(self, name))
        return next(alike, "")

    def _with_twins(self, contestants: Collection[str]) -> dict[str, Method]:
        names = [name for one in contestants for name in (self.methods[one].twin, one)]
        return {name: self.methods[name] for name in names}


def _but_reset(adaptation: Adaptation, name: str) -> Method:
    method = adaptation.methods[name]
    return dataclasses.replace(with_rate(method, 0.0), reset="never")


@dataclass(frozen=True)
class Evaluation:
    """Windows and intervals of the metrics."""

    final_share: float = key("last share of a phase that final losses average", above=0, high=1)
    recovery_clips: int = key("first clips of A2 that stream forgetting averages", low=1, high=MOST)
    recovery_margin: float = key(
        "loss above the frozen twin, as a share of persistence, that counts as recovered", low=0
    )
    rolling_clips: int = key("window of the smoothed curves", low=1, high=MOST)
    bootstrap_draws: int = key("draws of a bootstrap over blocks of clips", low=100, high=MOST)
    confidence: float = key("level of the intervals", above=0, high=0.999)


Endpoint = Literal["adaptation", "stability", "overall"]
Gate = Literal["domain_gap", "base_skill", "net_gain", "collapsed"]


@dataclass(frozen=True)
class VerdictRule:
    """When the candidate beats the baseline; the mirror image decides for the baseline."""

    superior: tuple[Endpoint, ...] = key("endpoints that must be won by more than the margin")
    not_inferior: tuple[Endpoint, ...] = key("endpoints that may not be lost by the margin")
    comparable: tuple[Literal["skill_A1"], ...] = key("what may not differ by the margin")
    gates: tuple[Gate, ...] = key("what must hold for any verdict")


@dataclass(frozen=True)
class Verdict:
    """The question of the study, written before it runs."""

    enabled: bool = key("give a verdict; needs its seeds, orders and a placebo stream")
    candidate: str = key("the method that may win")
    baseline: str = key("the method that it must beat")
    seeds: int = key("seeds that a verdict needs", low=2, high=MOST)
    orders: int = key("orders that a verdict needs", low=1, high=MOST)
    confidence: float = key("level of the intervals", above=0, high=0.999)
    alpha: float = key("level of the tests after Holm", above=0, high=0.5)
    margin_quantile: float = key(
        "quantile of the differences between orders of the placebo that is the margin",
        above=0,
        high=1,
    )
    base_margin: float = key("skill on A1 that frozen twins may differ by", above=0, high=1)
    motion_bins: int = key("bins of equal motion that the domain gap is taken in", low=1, high=MOST)
    max_collapsed: int = key("collapsed runs that a verdict tolerates", low=0, high=MOST)
    collapse_ratio: float = key("loss over the frozen twin's that is a collapse", above=1)
    collapse_clips: int = key("clips that it must last", low=1, high=MOST)
    rule: VerdictRule = key("the rule, as data")


@dataclass(frozen=True)
class Figures:
    """How figures are drawn."""

    methods: tuple[str, ...] = key("methods that curves show, where they ran; tables have all")
    text_width_in: float = key("width of the text block of the thesis", "in", low=2, high=40)
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
    seeds: tuple[int, ...] = key("training seeds", low=0, high=HIGHEST_SEED)
    orders: tuple[int, ...] = key(
        "orders of the episodes in the stream; 0 is as drawn", low=0, high=HIGHEST_SEED
    )
    simulation: Simulation = key("physics")
    appearance: Appearance = key("looks")
    camera: Camera = key("view")
    splits: dict[str, SplitSize] = key("clips per split")
    encoder: Encoder = key("frozen features")
    store: Store = key("files")
    leakage: Leakage = key("what the encoder knows of the future")
    dataset: Dataset = key("the clips for others")
    models: Models = key("predictors")
    variants: dict[str, Variant] = key("predictors that differ in some keys; {} for none")
    training: Training = key("training")
    adaptation: Adaptation = key("test-time adaptation")
    evaluation: Evaluation = key("metrics")
    verdict: Verdict = key("the question")
    figures: Figures = key("figures")
    compute: Compute = key("hardware")


def require_weights(weights: str, known: Collection[str]) -> None:
    """Raise `SettingsError` unless `encoder.weights` is `random`, a known name or a path."""
    if weights != "random" and weights not in known and not os.path.exists(weights):
        remedy = f"{one_of(weights, ['random', *known])}, or the path of a folder or .pt file"
        raise SettingsError("encoder.weights", weights, "no such name, folder or file", remedy)


def trained_names(study: Study) -> tuple[str, ...]:
    """Every predictor that is trained."""
    return (*(field.name for field in dataclasses.fields(Models)), *study.variants)


def model_names(study: Study) -> tuple[str, ...]:
    """Every predictor that a method may name."""
    return (*trained_names(study), *CLOSED_FORM)


def model_kind(study: Study, name: str) -> str:
    """What a predictor is, `vit_ac` or `hope`: its own name, or what it is a variant of."""
    return study.variants[name].of if name in study.variants else name


def model_settings(study: Study, name: str) -> VitAC | Hope | ClosedForm:
    """The settings of a predictor, a variant's changes merged over what it is a variant of."""
    if name in CLOSED_FORM:
        return ClosedForm(name)
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
        raise SettingsError(path, name, "no such predictor", one_of(name, kinds))
    return read(kinds[name], value, f"{path}.{name}")


def check_model(model: VitAC | Hope, where: str) -> None:
    """Raise `SettingsError` unless the sizes of a predictor fit each other.

    where: the section that the settings stand in, for the message.
    """
    if model.width % model.heads:
        remedy = f"use a multiple of heads = {model.heads}"
        raise SettingsError(f"{where}.width", model.width, "heads do not divide", remedy)
    if model.width // model.heads < 12 and model.rope != "off":
        remedy = "use fewer heads: 3D RoPE needs at least 12 channels in each"
        raise SettingsError(f"{where}.heads", model.heads, "too narrow heads", remedy)
    _check_hidden(model, where)
    periods = list(model.cms_periods) if isinstance(model, Hope) else [1]
    if not periods or periods != sorted(set(periods)):
        remedy = "list ascending periods, fastest first"
        raise SettingsError(f"{where}.cms_periods", periods, "not ascending", remedy)


def _check_hidden(model: VitAC | Hope, where: str) -> None:
    """A hidden layer has at least one channel."""
    if isinstance(model, Hope):
        name, ratio, width = "memory_ratio", model.memory_ratio, model.width // model.heads
    else:
        name, ratio, width = "mlp_ratio", model.mlp_ratio, model.width
    if round(ratio * width) < 1:
        remedy = f"use at least {1 / width:.3g}: it multiplies a width of {width}"
        raise SettingsError(f"{where}.{name}", ratio, "no hidden channel", remedy)


def running_models(study: Study) -> list[str]:
    """The predictors of all contestants and of what those are matched with."""
    used = {method.model for method in study.adaptation.running.values()}
    trained = sorted(used - set(CLOSED_FORM))
    matched = {training_settings(study, name).match for name in trained}
    return sorted({*trained, *matched} - {""})


def phase_clips(study: Study, split: str, domain: str) -> int:
    """How many clips of a split there are in a domain; a severity has as many as B."""
    return getattr(study.splits[split], "a" if domain == "A" else "b")


def idle_rules(methods: Collection[Method]) -> dict[str, float]:
    """Settings of the streams that change nothing of what these methods do, at fixed values.

    A checkpoint changes what a killed job takes up again, never what it makes.
    """
    idle: dict[str, float] = {"checkpoint_clips": 1}
    if all(method.adapt == "none" for method in methods):
        idle["clip_norm"] = 1.0
    resets = {method.reset for method in methods}
    if "every" not in resets:
        idle["reset_every"] = 1
    if "on_recovery" not in resets:
        idle |= {"recovery_ratio": 2.0, "recovery_memory": 0.0}
    return idle


def with_rate(method: Method, rate: float) -> Method:
    """The method with another rate: TTA's learning_rate if it adapts, else the look_back_rate."""
    field = "learning_rate" if method.adapt != "none" else "look_back_rate"
    return dataclasses.replace(method, **{field: rate})
