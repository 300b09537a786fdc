"""How far each part of what was learnt moved from the trained one, and how far it came back."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hopeworld.evaluation import metrics
from hopeworld.probing.knowledge import Knowledge, parts_of, vector


def geometry(trained: Knowledge, learnt: Mapping[str, Knowledge]) -> list[dict]:
    """Rows part, drift at the end of every phase, reversibility (see `evaluation.metrics`).

    Drift is relative to the trained part, absolute where that is 0, as all Deltas of a state are.
    Reversibility is NaN for a stream without A1, B and A2.
    """
    rows = []
    for part in parts_of(trained):
        start = vector(trained, part)
        ends = {phase: vector(knowledge, part) for phase, knowledge in learnt.items()}
        drifts = {f"drift_{p}": metrics.drift(end, start, start) for p, end in ends.items()}
        is_whole = {"A1", "B", "A2"} <= ends.keys()
        back = metrics.reversibility(ends["A1"], ends["B"], ends["A2"]) if is_whole else math.nan
        rows.append({"part": part, **drifts, "reversibility": back})
    return rows
