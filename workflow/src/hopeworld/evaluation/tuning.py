"""Which rate does best on the tuning stream, whose clips no other stream or probe shows."""

from __future__ import annotations

import numpy as np
import pandas as pd


def compare_rates(streams: dict[tuple[str, float], list[pd.DataFrame]]) -> pd.DataFrame:
    """Mean online object loss per method and rate over B and A2, and what is best.

    Args:
        streams: per method and rate, the stream tables of its seeds (`schema.STREAM`).

    Returns:
        Columns method, rate, loss_B, loss_A2, anytime_loss (mean over the transitions of B and A2,
        L1 in LayerNorm space, lower is better; inf where a run diverged), seeds, best (lowest
        anytime_loss of its method).
    """
    rows = []
    for (method, rate), tables in streams.items():
        stream = pd.concat(tables)
        online = stream[(stream.kind == "online") & (stream.region == "object")]
        online = online[np.isfinite(online.persistence)]
        online = online.assign(loss=online.loss.where(np.isfinite(online.loss), np.inf))
        phases = online.groupby("phase").loss.mean()
        anytime = online[online.phase != "A1"].loss.mean()
        losses = {"loss_B": phases["B"], "loss_A2": phases["A2"], "anytime_loss": anytime}
        rows.append({"method": method, "rate": rate, **losses, "seeds": len(tables)})
    table = pd.DataFrame(rows).sort_values(["method", "rate"], ignore_index=True)
    lowest = table.groupby("method").anytime_loss.transform("min")
    return table.assign(best=table.anytime_loss == lowest)
