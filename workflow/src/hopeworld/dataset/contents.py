"""What a published folder holds, as the data card and splits.json say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hopeworld.settings import Appearance, Camera, Domain, Simulation

PURPOSES = {
    "train": "train predictors on A; B, where there is any, is for oracles that know it",
    "validation": "choose among trained predictors; never train on it",
    "tuning_1": "first phase of the stream that learning rates of adaptation are tuned on",
    "tuning_2": "second phase of that stream",
    "tuning_3": "third phase of that stream",
    "stream_1": "first phase of the evaluation streams: predict, score, adapt, clip by clip",
    "stream_2": "second phase: the change to B, or clips of A as a placebo",
    "stream_3": "third phase: back to A",
    "stream_4": "fourth phase: the second change to B",
    "probe": "held-out clips, the same draws in every domain, to score without adapting",
    "out_of_range": "forces outside the range of all other splits",
    "held_out": "shapes that no other split shows",
    "leakage": "what an encoder knows of the future, from pairs that part after the push",
}


@dataclass(frozen=True)
class Contents:
    """The study's name and settings, all clips as one table, and where they come from."""

    study: str
    simulation: Simulation
    appearance: Appearance
    camera: Camera
    clips: pd.DataFrame
    validity: Mapping[str, Any]
    versions: tuple[dict[str, str], ...]
    code: str
    settings_sha256: str
    megabytes: Mapping[str, float]

    @property
    def domains(self) -> dict[str, Domain]:
        """The domains that there are clips of, A first, B last."""
        found = set(self.clips["domain"])
        order = ("A", *self.simulation.severities, "B")
        return {name: self.simulation.domain(name) for name in order if name in found}

    def force_n(self, split: str) -> tuple[float, float]:
        """The range that the forces of a split are drawn from."""
        simulation = self.simulation
        return simulation.out_of_range_force_n if split == "out_of_range" else simulation.force_n

    def shapes(self, split: str) -> tuple[str, ...]:
        """The shapes that a split is drawn from."""
        appearance = self.appearance
        return appearance.held_out_shapes if split == "held_out" else appearance.shapes


def splits(contents: Contents) -> dict[str, Any]:
    """The splits as plain values: purpose, ranges, and the files of every domain."""
    return {
        split: {
            "purpose": PURPOSES[split],
            "force_n": list(contents.force_n(split)),
            "shapes": list(contents.shapes(split)),
            "domains": {
                domain: {
                    "clips": len(clips),
                    "episodes": int(clips["episode"].nunique()),
                    "videos": f"videos/{split}_{domain}",
                    "states": f"states/{split}_{domain}.h5",
                }
                for domain, clips in rows.groupby("domain", sort=False)
            },
        }
        for split, rows in contents.clips.groupby("split", sort=False)
    }
