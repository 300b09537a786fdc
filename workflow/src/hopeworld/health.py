"""What the numbers of a run say is wrong with it."""

from __future__ import annotations

import pandas as pd

RETAINED = 0.1
"""Below this share of its memory per clip, carrying it is no use."""
CLIPPED_SHARE = 0.5
"""Where more steps than this are clipped, their size is that of the bound, not of the rate."""


def problems(memory: pd.DataFrame) -> list[str]:
    """One line for each problem of one run; `memory` has the columns of `schema.MEMORY`."""
    found = []
    shares = memory[(memory["name"] == "retained_share") & (memory["memory"] == "memory")]
    per_clip = shares.groupby(["k", "layer", "head"])["value"].prod()
    if len(per_clip) and per_clip.median() < RETAINED:
        found.append(f"less than {RETAINED:g} of the memory outlasts a clip (median)")
    dead = memory[(memory["name"] == "dead") & (memory["value"] > 0)]
    found += [f"CMS level {level} is dead" for level in sorted(dead["memory"].unique())]
    shares = memory[memory["name"] == "clipped"].groupby("memory")["value"].mean()
    for name, share in shares.items():
        kind = "updates of CMS level" if name.startswith("cms_") else "writes of memory"
        found += mostly_clipped(f"{kind} {name}", share)
    return found


def mostly_clipped(what: str, share: float) -> list[str]:
    """The line for steps that are clipped too often; none for a share of NaN."""
    line = f"more than {CLIPPED_SHARE:.0%} of the {what} are clipped"
    return [line] if share > CLIPPED_SHARE else []
