"""What the diagnostics of a run's memories say is wrong with it."""

from __future__ import annotations

import pandas as pd

RETAINED = 0.1
"""Below this share of its memory per clip, carrying it is no use."""


def problems(memory: pd.DataFrame) -> list[str]:
    """One line for each problem of one run; `memory` has the columns of `schema.MEMORY`."""
    found = []
    shares = memory[(memory["name"] == "retained_share") & (memory["memory"] == "memory")]
    per_clip = shares.groupby(["k", "layer", "head"])["value"].prod()
    if len(per_clip) and per_clip.median() < RETAINED:
        found.append(f"less than {RETAINED:g} of the memory outlasts a clip (median)")
    dead = memory[(memory["name"] == "dead") & (memory["value"] > 0)]
    return found + [f"CMS level {level} is dead" for level in sorted(dead["memory"].unique())]
