"""Read the tables of all runs, check that the study is whole, and pair each run with its twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from hopeworld import files, schema, settings
from hopeworld.evaluation.labels import PERSISTENCE

RUN = ["seed", "order"]
TRANSITION = ["seed", "order", "k", "t", "kind", "region"]
SORTED = ["method", "seed", "order", "k"]


class TableError(ValueError):
    """A table that is missing, lacks columns, or does not fit the others."""


def read_table(paths: Iterable[Path], columns: Mapping[str, str]) -> pd.DataFrame:
    """Read parquet files into one table with exactly the `columns` of a schema, in their order.

    `loss_frozen` may be absent: it is joined here. Raises `TableError` naming file and column.
    """
    parts = []
    for path in paths:
        part = pd.read_parquet(path)
        absent = [c for c in columns if c not in part and c != "loss_frozen"]
        if absent:
            raise TableError(f"{path}: no column {absent[0]!r}; write the table anew")
        parts.append(part[[c for c in columns if c in part]])
    # An empty table (a method without memory) has no dtypes worth keeping.
    filled = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(filled, ignore_index=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet, atomically."""
    with files.atomic(path) as part:
        table.to_parquet(part, index=False)


def require_runs(
    table: pd.DataFrame, study: str, methods: Iterable[str], seeds: tuple, orders: tuple
) -> None:
    """Raise `TableError` with one line that names the runs a table lacks."""
    found = set(table[["method", *RUN]].drop_duplicates().itertuples(index=False, name=None))
    wanted = [(m, s, o) for m in methods for s in seeds for o in orders]
    missing = [f"{m}_seed{s}_order{o}" for m, s, o in wanted if (m, s, o) not in found]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise TableError(
            f"study {study}: {len(missing)} of {len(wanted)} runs are missing "
            f"({', '.join(missing[:3])}{more}); run the rule adapt for them"
        )


def join_twin(stream: pd.DataFrame, methods: Mapping[str, settings.Method]) -> pd.DataFrame:
    """Add `loss_frozen`: the loss of the method's frozen twin on the same transition.

    Paired by (seed, order, k, t, kind, region). Raises `TableError` where the twin has no such
    transition or saw another clip there.
    """
    twins = stream["method"].map({name: method.twin for name, method in methods.items()})
    left = stream.drop(columns="loss_frozen", errors="ignore").assign(twin=twins)
    right = stream[["method", *TRANSITION, "clip", "loss"]].rename(
        columns={"method": "twin", "clip": "twin_clip", "loss": "loss_frozen"}
    )
    joined = left.merge(right, how="left", on=["twin", *TRANSITION], validate="many_to_one")
    unpaired = joined[joined["twin_clip"] != joined["clip"]]
    if len(unpaired):
        row = unpaired.iloc[0]
        raise TableError(
            f"{row['run']}: clip {row['k']} of the stream is not paired with {row['twin']} "
            f"(seed {row['seed']}, order {row['order']}); rerun both on the same stream"
        )
    columns = list(schema.STREAM)
    return joined[columns].sort_values([*SORTED, "kind", "t"], kind="stable", ignore_index=True)


def persistence_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The stream or probe rows of persistence as if it were a method: the null of every metric."""
    first = table["method"].iloc[0]
    rows = table[table["method"] == first].copy()
    rows["run"] = rows["run"].str.replace(first, PERSISTENCE, n=1, regex=False)
    rows["method"], rows["loss"] = PERSISTENCE, rows["persistence"]
    if "loss_frozen" in rows:
        rows = rows.assign(loss_frozen=rows["persistence"], clipped=False)
        rows[["grad_norm_pre", "drift", "time_ms"]] = float("nan")
    return rows
