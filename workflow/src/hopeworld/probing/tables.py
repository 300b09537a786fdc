"""The tables of all runs, joined: pandas only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from hopeworld.files import atomic

BENEFIT = "carry_benefit"
RUN = ["method", "seed", "order", "phase"]


def join(paths: Iterable[Path]) -> pd.DataFrame:
    """Tables of the same kind under each other; a column that one lacks is NA there."""
    tables = [pd.read_csv(path) for path in paths]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def usefulness(memory: pd.DataFrame, stream: str) -> pd.DataFrame:
    """What carrying the state is worth, per run and phase: rows of RUN, carry_benefit, n.

    The object loss of a clip's first transition from the trained state, minus that from the state
    carried: above 0 the state helps. n: clips of the phase at which it was measured.
    """
    rows = memory[(memory["name"] == BENEFIT) & (memory.stream == stream)]
    by_phase = rows.groupby(RUN, sort=False, observed=True).value
    return by_phase.agg(**{BENEFIT: "mean", "n": "count"}).reset_index()


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically."""
    with atomic(path) as part:
        table.to_csv(part, index=False)
