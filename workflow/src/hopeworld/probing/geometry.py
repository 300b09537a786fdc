"""How far each part of what was learnt moved from the trained one, and how far it came back."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hopeworld.probing.knowledge import Knowledge, parts_of, vector


def geometry(trained: Knowledge, learnt: Mapping[str, Knowledge]) -> list[dict]:
    """Rows part, drift at the end of every phase, reversibility.

    Drift is relative to the trained part, absolute where that is 0, as all Deltas of a state are.
    Reversibility is NaN for a stream without A1, B and A2.
    """
    rows = []
    for part in parts_of(trained):
        start = vector(trained, part)
        ends = {phase: vector(knowledge, part) for phase, knowledge in learnt.items()}
        drifts = {f"drift_{p}": drift(end, start, start) for p, end in ends.items()}
        is_whole = {"A1", "B", "A2"} <= ends.keys()
        back = reversibility(ends["A1"], ends["B"], ends["A2"]) if is_whole else math.nan
        rows.append({"part": part, **drifts, "reversibility": back})
    return rows


def drift(memory: np.ndarray, start: np.ndarray, trained: np.ndarray) -> float:
    """|M - M_start| / |M_trained|, Frobenius; no unit, 0 = as it started.

    A delta that is trained to be 0 has no scale of its own: the distance itself.
    """
    scale = float(np.linalg.norm(trained))
    distance = float(np.linalg.norm(memory - start))
    return distance / scale if scale > 0 else distance


def reversibility(a1: np.ndarray, b: np.ndarray, a2: np.ndarray) -> float:
    """1 - |M_A2 - M_A1| / |M_B - M_A1|; no unit, 1 = A2 brought the state back to that of A1.

    0: as far away as after B; below 0: farther still. NA where B did not move the state.
    """
    away = float(np.linalg.norm(b - a1))
    return 1.0 - float(np.linalg.norm(a2 - a1)) / away if away > 0 else float("nan")
