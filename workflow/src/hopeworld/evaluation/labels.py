"""Names as a reader sees them: the same words in every table and figure. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

PERSISTENCE = "persistence"
LABELS = {
    "vit_ac": "ViT-AC",
    "vit_frozen": "ViT-AC, frozen",
    "vit_tta": "ViT-AC + TTA",
    "vit_tta_literal": "ViT-AC + TTA, literal",
    "hope_frozen": "HOPE, frozen",
    "hope_per_clip": "HOPE, per clip",
    "hope_no_look_back": "HOPE, no look-back",
    "hope": "HOPE",
    "hope_tta": "HOPE + TTA",
    PERSISTENCE: "persistence",
}
PHASES = {"A1": "A₁", "B": "B", "A2": "A₂"}


def label(name: str) -> str:
    """The label of a method or model; a method that is not known here keeps its own name."""
    return LABELS.get(name, name.replace("_", " "))


def in_order(names: Iterable[str]) -> list[str]:
    """The names in the one order of all tables and figures; unknown ones last, by alphabet."""
    known = list(LABELS)
    return sorted(names, key=lambda n: (known.index(n) if n in known else len(known), n))


def drawn(models: Mapping[str, str], kinds: Mapping[str, str]) -> list[str]:
    """The names that figures draw, of those that `models` maps to their predictors.

    They are those of the predictors themselves: the variants of an ablation are too many, and have
    a table. Where there are only variants, all are drawn. `kinds` says what a predictor is.
    """
    own = [name for name, model in models.items() if kinds[model] == model]
    return own or list(models)


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
    """How many of the predictors failed, where others passed."""
    models = {run["model"] for run in gate["runs"]}
    failed = {run["model"] for run in gate["runs"] if not run["passed"]}
    return "" if failed == models else f" by {len(failed)} of {len(models)} predictors"
