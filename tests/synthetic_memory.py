"""What the figures of memories and of one clip read, for methods that never ran."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from hopeworld import schema
from tests import synthetic, synthetic_analysis

LEVELS = (1, 4, 16)
CLIPS = {"A1": 16, "B": 32, "A2": 24}
EVERY = 4
SHAPE = (8, 16, 12)
"""T, P, D of an example: the patches of the small world."""


def metrics(
    names: Collection[str] = ("vit_frozen", "vit_tta", "hope_frozen", "hope"),
    seeds: Collection[int] = (0, 1),
) -> dict[str, Any]:
    """The keys of metrics.json that these figures read."""
    truths = {name: synthetic.TRUTHS[name] for name in names}
    models = {name: truth.model for name, truth in truths.items()}
    return {
        "encoder": {"weights": "random", "mode": "tubelet"},
        "gate": {"passed": True, "runs": []},
        "seeds": list(seeds),
        "methods": {name: {} for name in names},
        "models": models,
        "kinds": {model: model for model in models.values()},
        "twins": {name: truth.twin for name, truth in truths.items()},
    }


def memory(names: Collection[str], seeds: Collection[int] = (0, 1)) -> pd.DataFrame:
    """Diagnostics as a run of HOPE writes them; a level that is dead early in B, per-clip too."""
    parts = [_run(name, seed) for name in names for seed in seeds if name.startswith("hope")]
    if not parts:
        return pd.DataFrame(columns=list(schema.MEMORY))
    table = pd.concat(parts, ignore_index=True)
    other = table[table["k"] == 0].assign(stream="placebo", value=99.0)
    return pd.concat([table, other], ignore_index=True)


def _run(name: str, seed: int) -> pd.DataFrame:
    phase = np.repeat(list(CLIPS), list(CLIPS.values()))
    learns = name != "hope_frozen"
    rows: list[tuple] = []
    for k in range(0, len(phase), EVERY):
        new = 1.5 if phase[k] == "B" else 1.0
        for t in range(7):
            for layer in range(2):
                rows += [
                    (k, phase[k], t, layer, 0, *row) for row in _titan(k, t, new, seed, learns)
                ]
                for period in LEVELS if learns else ():
                    level = _level(k, t, period, phase[k])
                    rows += [(k, phase[k], t, layer, -1, f"cms_{period}", *row) for row in level]
        if learns:
            for note, loss in (("loss_before", 0.08 * new), ("loss_after", 0.078 * new)):
                rows.append((k, phase[k], 6, -1, -1, "cms", note, loss + 0.001 * seed))
    columns = ["k", "phase", "t", "layer", "head", "memory", "name", "value"]
    run = synthetic.identity("main", name, seed, 0)
    return pd.DataFrame(rows, columns=columns).assign(**run)[list(schema.MEMORY)]


def _titan(k: int, t: int, new: float, seed: int, learns: bool) -> list[tuple[str, str, float]]:
    before = 0.4 * new * (1 - 0.04 * t) + 0.01 * seed + (0.0 if learns else 0.2)
    rows = [
        ("memory", "surprise_before", before),
        ("memory", "surprise_after", 0.4 * before),
        ("memory", "grad_norm", 14 * before),
        ("memory", "drift", 0.1 + 0.002 * k / (k + 9)),
        ("memory", "gate", 0.5 * new / 1.5),
        ("eta", "eta", 0.45),
        ("alpha", "alpha", 0.9),
        ("k", "drift", 0.01),
    ]
    # A memory that starts a clip empty has no share for its first transition.
    return rows + ([("memory", "retained_share", 0.9)] if learns or t else [])


def _level(k: int, t: int, period: int, phase: str) -> list[tuple[str, float]]:
    fired = (7 * k + t) // period
    dead = period == LEVELS[-1] and phase == "B" and k < CLIPS["A1"] + 8
    size = 0.12 * (1 - np.exp(-fired / 60)) / period**0.5
    return [("delta", size), ("updates", fired), ("step", 0.002), ("dead", float(dead))]


def write_tables(folder: Path, names: Collection[str], seeds: Collection[int] = (0, 1)) -> None:
    """Write the tables of the analysis of memories: they know what HOPE carries, and TTA."""
    carrying = [name for name in names if name in ("hope", "hope_tta")]
    geometry = synthetic_analysis.memory_geometry(carrying, seeds, (0,))
    transplant = synthetic_analysis.transplant(carrying, seeds, (0,))
    separability = synthetic_analysis.separability(carrying, seeds)
    usefulness = [
        (name, seed, 0, phase, 0.004 + 0.01 * (phase == "B") - 0.002 * seed, 8)
        for name in carrying
        for seed in seeds
        for phase in CLIPS
    ]
    if "vit_tta" in names:
        own = synthetic_analysis.memory_geometry(["vit_tta"], seeds, (0,))
        geometry = _joined(geometry, own[own["part"] == "cms"].assign(part="parameters"))
        own = synthetic_analysis.transplant(["vit_tta"], seeds, (0,))
        own = own[own["part"] != "cms"].replace({"part": {"titan": "parameters"}})
        transplant = _joined(transplant, own)
    columns = ["method", "seed", "order", "phase", "carry_benefit", "n"]
    for name, table in (
        ("memory_geometry", geometry),
        ("transplant", transplant),
        ("separability", separability),
        ("usefulness", pd.DataFrame(usefulness, columns=columns)),
    ):
        table.to_csv(folder / f"{name}.csv", index=False)


def _joined(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([one, other], ignore_index=True) if len(one) else other


def write_example(path: Path, method: str, clip: int, error: float = 0.1) -> None:
    """Write an example whose predictions are off by about `error`, its twin's by twice that."""
    noise = np.random.default_rng(clip)
    truth = noise.standard_normal(SHAPE).cumsum(0).astype(np.float16)
    own = np.random.default_rng(len(method))
    away = own.standard_normal((7, *SHAPE[1:]))
    arrays = {"truth": truth}
    arrays["predictions"] = (truth[1:] + error * away).astype(np.float16)
    arrays["frozen"] = (truth[1:] + 2 * error * away).astype(np.float16)
    arrays["error"] = error * np.abs(away).mean(-1).astype(np.float32)
    arrays["error_frozen"] = 2 * arrays["error"]
    still = np.abs(np.diff(truth.astype(np.float32), axis=0)).mean(-1)
    arrays["persistence"] = 0.2 * still
    objects = np.zeros((7, 4, 4), bool)
    objects[:, 1:3, 1:3] = True
    arrays["objects"] = objects.reshape(7, -1)
    about = {"method": method, "clip": clip, "grid": [4, 4], "domain": "B", "split": "probe"}
    save_file(arrays, path, metadata={"hopeworld_example": json.dumps(about)})
