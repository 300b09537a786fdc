"""What every method costs (T3), for reading by machine (CSV) and in print (LaTeX)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hopeworld import files
from hopeworld.evaluation.labels import in_order, label
from hopeworld.evaluation.latex import booktabs, escape

SIZES = ["parameters", "adapted_scalars", "state_scalars", "flops_per_transition"]
HEADS = ["method", "parameters", "adapted", "state", "MFLOP", "ms"]
NOTE = (
    "adapted: scalars that TTA changes; state: scalars of the memory that a stream carries; "
    "MFLOP and ms: of one transition, update included, where one learns; median wall time on "
    "the machine of the study"
)


def write(costs: Iterable[Mapping[str, Any]], csv: Path, tex: Path) -> None:
    """Write both forms of the table atomically, from the cost files of all runs."""
    found = table(costs)
    with files.atomic(csv) as part:
        found.to_csv(part, index=False, lineterminator="\n")
    with files.atomic(tex) as part:
        part.write_text(latex(found))


def table(costs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per method: method, model, `SIZES`, time_ms (median over seeds), seeds.

    Raises ValueError where two seeds of a method differ in a size.
    """
    rows = pd.DataFrame(list(costs))
    known = dict(list(rows.groupby("method")))
    return pd.DataFrame([_row(known[name]) for name in in_order(known)])


def _row(seeds: pd.DataFrame) -> dict[str, Any]:
    first = seeds.iloc[0]
    differing = [name for name in SIZES if seeds[name].nunique(dropna=False) > 1]
    if differing:
        values = ", ".join(f"{value:g}" for value in seeds[differing[0]])
        where = f"costs of {first['method']}: {differing[0]}"
        raise ValueError(f"{where} differs between seeds ({values}); run the streams anew")
    return {
        **first[["method", "model", *SIZES]].to_dict(),
        "time_ms": float(seeds["time_ms"].median()),
        "seeds": len(seeds),
    }


def latex(costs: pd.DataFrame) -> str:
    """Printed form for the package booktabs."""
    rows = [_cells(row) for row in costs.to_dict("records")]
    return booktabs([HEADS], [rows], f"{NOTE}.")


def _cells(row: Mapping[str, Any]) -> list[str]:
    counts = [_count(row[name]) for name in SIZES[:3]]
    rates = [_decimals(row["flops_per_transition"], 1e-6), _decimals(row["time_ms"])]
    return [escape(label(row["method"])), *counts, *rates]


def _count(value: float) -> str:
    return f"{int(value):,}".replace(",", r"\,") if pd.notna(value) else "NA"


def _decimals(value: float, factor: float = 1.0) -> str:
    return f"{factor * value:.1f}" if pd.notna(value) else "NA"
