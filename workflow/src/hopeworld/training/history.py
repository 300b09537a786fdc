"""The history of a run as a long table (schema.HISTORY).

Throughput is in the log alone: the table has the same bytes whenever the run is repeated.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import pandas

from hopeworld.parquet import write_table
from hopeworld.schema import HISTORY
from hopeworld.training.validation import Scores


class Row(NamedTuple):
    """One number of one step."""

    step: int
    split: str
    name: str
    region: str
    value: float


def training_rows(step: int, values: dict[str, float]) -> list[Row]:
    """Return the rows of one optimiser step."""
    return [Row(step, "train", name, "all", value) for name, value in values.items()]


def validation_rows(step: int, scores: Scores) -> list[Row]:
    """Return the rows of one validation."""
    return [Row(step, "validation", name, r, value) for (name, r), value in scores.items()]


def write_history(path: str | os.PathLike, model: str, seed: int, rows: list[Row]) -> None:
    """Write the rows as parquet, atomically."""
    table = pandas.DataFrame(rows, columns=Row._fields).astype({"step": "int64"})
    write_table(table.assign(model=model, seed=seed)[list(HISTORY)], path)
