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


def stamp(metrics: Mapping[str, Any]) -> str:
    """What must stand on the face of every result: weights, encoder mode and a failed gate."""
    weights, mode = metrics["encoder"]["weights"], metrics["encoder"]["mode"]
    if weights == "random":
        parts = ["random encoder weights (no pretrained V-JEPA 2)"]
    else:
        parts = [f"encoder weights: {PurePath(weights).name}"]
    parts.append(f"encoder mode: {mode}")
    if not metrics["gate"]["passed"]:
        parts.append("gate not passed")
    return " · ".join(parts)
