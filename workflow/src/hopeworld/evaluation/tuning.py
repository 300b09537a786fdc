"""Which rate does best on the tuning stream, whose clips no other stream or probe shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hopeworld.evaluation import metrics


@dataclass(frozen=True)
class Sweep:
    """The runs of one method with one rate, a table of each seed.

    streams: `schema.STREAM`. probes: `schema.PROBES`, of validation clips of A.
    """

    streams: Sequence[pd.DataFrame]
    probes: Sequence[pd.DataFrame]


def compare_rates(sweeps: Mapping[tuple[str, float], Sweep]) -> pd.DataFrame:
    """Mean online object loss per method and rate over B and A2, and what is best.

    Returns:
        Columns method, rate, loss_B, loss_A2, anytime_loss (mean over the clips of B and A2),
        forgetting_rate (of validation clips of A, mean over seeds), seeds, best (the lowest
        anytime_loss of its method, the lower rate of two equals). Losses are L1 in LayerNorm
        space, lower is better; inf where a run diverged, which is never the best.
    """
    rows = [
        {
            "method": method,
            "rate": rate,
            **_losses(pd.concat(sweep.streams)),
            "forgetting_rate": float(np.mean([_forgetting(probes) for probes in sweep.probes])),
            "seeds": len(sweep.streams),
        }
        for (method, rate), sweep in sweeps.items()
    ]
    table = pd.DataFrame(rows).sort_values(["method", "rate"], ignore_index=True)
    finite = table[np.isfinite(table["anytime_loss"])]
    best = finite.groupby("method")["anytime_loss"].idxmin()
    return table.assign(best=table.index.isin(best))


def _losses(stream: pd.DataFrame) -> dict[str, float]:
    online = stream[(stream["kind"] == "online") & (stream["region"] == "object")]
    online = online[np.isfinite(online["persistence"])]
    online = online.assign(loss=online["loss"].where(np.isfinite(online["loss"]), np.inf))
    clips = online.groupby(["seed", "phase", "k"], as_index=False)["loss"].mean()
    phases = clips.groupby("phase")["loss"].mean()
    anytime = float(clips.loc[clips["phase"] != "A1", "loss"].mean())
    return {"loss_B": phases["B"], "loss_A2": phases["A2"], "anytime_loss": anytime}


def _forgetting(probes: pd.DataFrame) -> float:
    """Forgetting rate of one run, from its probes at the ends of A1 and B."""
    rows = probes[(probes["region"] == "object") & (probes["domain"] == "A")]
    ends = rows.sort_values("k").groupby("phase").last()
    before, after = ends.loc["A1", "loss"], ends.loc["B", "loss"]
    return metrics.forgetting_rate(before, after, ends.loc["A1", "persistence"])


def best_rates(compared: pd.DataFrame) -> dict[str, float]:
    """The best rate of every method, from `compare_rates`.

    Raises ValueError for a method all of whose rates diverged.
    """
    best = compared[compared["best"]].set_index("method")["rate"]
    for method in compared["method"].unique():
        if method not in best:
            rates = ", ".join(f"{r:g}" for r in compared.loc[compared["method"] == method, "rate"])
            raise ValueError(f"adaptation.tuning.{method}: {rates} all diverged; add lower rates")
    return {method: float(rate) for method, rate in best.items()}
