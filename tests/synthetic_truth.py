"""What the tables of the synthetic study hold: its settings, and the truth of every method."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from hopeworld import settings
from hopeworld.evaluation.runs import RunRules

CLIPS = {"A1": 32, "B": 64, "A2": 48}
STREAMS = {"main": ("A", "B", "A"), "placebo": ("A", "A", "A")}
FROZEN = {"A": 0.195, "B": 0.344}
PERSISTENCE = {"A": 0.30, "B": 0.46}
REGION_SCALE = {"object": 1.0, "background": 0.05, "all": 0.09}
DRIFT = 0.1
"""What a placebo stream shows of a method's gain."""

EVALUATION = settings.Evaluation(
    final_share=0.25,
    recovery_clips=10,
    recovery_margin=0.01,
    rolling_clips=8,
    bootstrap_draws=200,
    confidence=0.95,
)
ENCODER = settings.Encoder(weights="random", seed=0, mode="tubelet", dtype="bfloat16", batch=16)
VERDICT = settings.Verdict(
    enabled=False,
    candidate="hope",
    baseline="vit_tta",
    seeds=6,
    orders=2,
    confidence=0.95,
    alpha=0.05,
    margin_quantile=0.975,
    base_margin=0.03,
    motion_bins=4,
    max_collapsed=1,
    collapse_ratio=1.25,
    collapse_clips=20,
    rule=settings.VerdictRule(
        superior=("overall",),
        not_inferior=("adaptation", "stability"),
        comparable=("skill_A1",),
        gates=("domain_gap", "base_skill", "net_gain", "collapsed"),
    ),
)
RUN_RULES = RunRules(
    motion_bins=VERDICT.motion_bins,
    collapse_ratio=VERDICT.collapse_ratio,
    collapse_clips=VERDICT.collapse_clips,
)


@dataclass(frozen=True)
class Truth:
    """What the metrics of a method must find; gain and excess in loss units, times in clips."""

    model: str = "vit_ac"
    twin: str = "vit_frozen"
    base: float = 0.0
    gain: float = 0.0
    half_life: float = 8.0
    excess: float = 0.0
    recovery_half_life: float = 6.0
    noise: float = 0.0

    def within(self, stream: str) -> Truth:
        """What is left of it in a stream: a placebo changes nothing that could be learnt."""
        if stream != "placebo":
            return self
        return dataclasses.replace(self, gain=DRIFT * self.gain, excess=0.0)


TRUTHS = {
    "vit_frozen": Truth(),
    "vit_tta": Truth(gain=0.032, half_life=12.0, excess=0.029, noise=0.004),
    "vit_force_scale": Truth(gain=0.020, half_life=3.0, excess=0.004, noise=0.004),
    "hope_frozen": Truth("hope", "hope_frozen", base=-0.012),
    "hope": Truth("hope", "hope_frozen", -0.012, 0.040, 5.0, 0.008, 3.0, 0.004),
    "mean_map": Truth("mean_map", "mean_map", base=0.05),
}
# An ablation: HOPE alone, and a variant of it.
ABLATION = {
    "hope_frozen": TRUTHS["hope_frozen"],
    "hope": TRUTHS["hope"],
    "static_frozen": Truth("static", "static_frozen", base=-0.004),
    "static": Truth("static", "static_frozen", -0.004, 0.020, 5.0, 0.008, 3.0, 0.004),
}
KINDS = {
    "vit_ac": "vit_ac",
    "hope": "hope",
    "static": "hope",
    "vit_on_b": "vit_ac",
    "mean_map": "mean_map",
}


def method(truth: Truth, name: str) -> settings.Method:
    """The settings of a contestant whose truth is given."""
    frozen, kind = name == truth.twin, KINDS[truth.model]
    learning = "force_scale" if name == "vit_force_scale" else "layer_norm"
    adapts = kind == "vit_ac" and not frozen
    return settings.Method(
        model=truth.model,
        adapt=learning if adapts else "none",
        learning_rate=1e-2 if adapts else 0.0,
        reset="per_clip" if frozen and kind == "hope" else "never",
        look_back_rate=1.0 if kind == "hope" and not frozen else 0.0,
        twin=truth.twin,
    )


def methods(truths: dict[str, Truth] = TRUTHS) -> dict[str, settings.Method]:
    """The contestants of the synthetic study."""
    return {name: method(truth, name) for name, truth in truths.items()}


def gain_of(truth: Truth, clips: dict[str, int]) -> np.ndarray:
    """The true gain g of every clip of the stream; a second B starts where the first ended."""
    parts = {"A1": np.zeros(clips["A1"])}
    exposure, since = np.arange(1, clips["B"] + 1), np.arange(clips["A2"])
    parts["B"] = truth.gain * (1 - 2.0 ** (-exposure / truth.half_life))
    parts["A2"] = -truth.excess * 2.0 ** (-since / truth.recovery_half_life)
    parts["B2"] = np.full(clips.get("B2", 0), truth.gain)
    return np.concatenate([parts[phase] for phase in settings.PHASES])
