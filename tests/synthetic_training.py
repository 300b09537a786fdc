"""Histories and gates of trainings that never were."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hopeworld import schema
from tests.synthetic_truth import REGION_SCALE


def history(model: str, seed: int = 0, steps: int = 800) -> pd.DataFrame:
    """The training history of one run: losses fall, the object skill passes the gate late."""
    noise = np.random.default_rng([seed, len(model)])
    rows = []
    for step in range(0, steps + 1, 100):
        progress = 1 - 2.0 ** (-step / (180 if model == "hope" else 240))
        loss = 0.30 - 0.11 * progress + 0.003 * noise.standard_normal()
        for name, value in (
            ("teacher_forcing", loss),
            ("persistence", 0.28),
            ("mean_map", 0.40),
            ("zero_action", 0.30 - 0.03 * progress),
            ("shuffled_action", 0.30 - 0.02 * progress),
        ):
            rows += [(step, "validation", name, r, value * f) for r, f in REGION_SCALE.items()]
        rows.append((step, "validation", "skill", "object", 1 - loss / 0.28))
        without = 1 - (0.30 - 0.03 * progress) / 0.28
        rows.append((step, "validation", "skill_zero_action", "object", without))
        rows.append((step, "train", "loss", "all", loss * 0.09))
        rows.append((step, "train", "learning_rate", "all", 1e-3))
    table = pd.DataFrame(rows, columns=["step", "split", "name", "region", "value"])
    return table.assign(model=model, seed=seed)[list(schema.HISTORY)]


def gate(model: str, seed: int = 0, passed: bool = True) -> dict:
    """The gate of one training run."""
    return {
        "model": model,
        "seed": seed,
        "step": 800,
        "parameters": 1_220_000 if model == "vit_ac" else 1_230_000,
        "skill": (0.31 if passed else 0.05) - (0.02 + 0.01 * seed) * (model == "static"),
        "skill_zero_action": 0.02,
        "lost_share": 0.9,
        "passed": passed,
        "thresholds": {"gate_skill": 0.2, "gate_action_share": 0.25},
    }
