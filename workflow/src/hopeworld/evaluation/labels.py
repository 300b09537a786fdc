"""Names as a reader sees them: the same words in every table and figure. Standard library only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePath
from typing import Any

PERSISTENCE = "persistence"
LABELS = {
    "vit_ac": "ViT-AC",
    "vit_frozen": "ViT-AC, frozen",
    "vit_tta": "ViT-AC + TTA",
    "vit_tta_literal": "ViT-AC + TTA, literal",
    "vit_tta_per_clip": "ViT-AC + TTA, per clip",
    "vit_tta_every": "ViT-AC + TTA, every N",
    "vit_tta_on_recovery": "ViT-AC + TTA, on recovery",
    "vit_tta_at_change": "ViT-AC + TTA, at change",
    "vit_action_tta": "ViT-AC + action-encoder TTA",
    "vit_force_scale": "ViT-AC + force scale",
    "vit_full": "ViT-AC, full fine-tuning",
    "hope_frozen": "HOPE, frozen",
    "hope_per_clip": "HOPE, per clip",
    "hope_no_look_back": "HOPE, no look-back",
    "hope": "HOPE",
    "hope_tta": "HOPE + TTA",
    "vit_on_b": "ViT-AC trained on B",
    "vit_on_ab": "ViT-AC trained on A and B",
    "hope_on_b": "HOPE trained on B",
    "hope_on_ab": "HOPE trained on A and B",
    "mean_map": "mean map",
    "linear_extrapolation": "linear extrapolation",
    PERSISTENCE: "persistence",
}
PHASES = {"A1": "A₁", "B": "B", "A2": "A₂", "B2": "B₂"}
STREAMS = {"main": "A-B-A", "placebo": "A-A-A"}


def label(name: str) -> str:
    """The label of a method or model; a method that is not known here keeps its own name."""
    return LABELS.get(name, name.replace("_", " "))


def in_order(names: Iterable[str]) -> list[str]:
    """The names in the one order of all tables and figures; unknown ones last, by alphabet."""
    known = list(LABELS)
    return sorted(names, key=lambda n: (known.index(n) if n in known else len(known), n))


def drawn(metrics: Mapping[str, Any], wanted: Collection[str]) -> list[str]:
    """The methods that curves show, in order: those of `wanted` that ran in the main stream.

    Where none of them ran (an ablation), the methods of `own_predictors`.
    """
    ran = [name for name in metrics["methods"] if name != PERSISTENCE]
    shown = [name for name in ran if name in wanted]
    if not shown:
        models = {name: metrics["models"][name] for name in ran}
        shown = own_predictors(models, metrics["kinds"])
    return in_order(shown)


def own_predictors(models: Mapping[str, str], kinds: Mapping[str, str]) -> list[str]:
    """The names that `models` maps to predictors that are no variants; where there are only
    variants, all names. `kinds` says what a predictor is.
    """
    own = [name for name, model in models.items() if kinds[model] == model]
    return own or list(models)


def stream_label(name: str) -> str:
    """The label of a stream; one that is not known here keeps its own name."""
    return STREAMS.get(name, name.replace("_", " "))


def stamp(metrics: Mapping[str, Any]) -> str:
    """What must stand on the face of every result: weights, encoder mode and a failed gate."""
    weights, mode = metrics["encoder"]["weights"], metrics["encoder"]["mode"]
    if weights == "random":
        parts = ["random encoder weights (no pretrained V-JEPA 2)"]
    else:
        parts = [f"encoder weights: {PurePath(weights).name}"]
    parts.append(f"encoder mode: {mode}")
    if not metrics["gate"]["passed"]:
        parts.append(f"gate not passed{_failed_part(metrics['gate'])}")
    return " · ".join(parts)


def _failed_part(gate: Mapping[str, Any]) -> str:
    """How many of the trainings failed, where others passed."""
    failed = sum(not run["passed"] for run in gate["runs"])
    total = len(gate["runs"])
    return "" if failed == total else f" by {failed} of {total} trainings"
