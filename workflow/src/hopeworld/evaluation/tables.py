"""Read the tables of all runs, check that the study is whole, and pair each run with its twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from hopeworld import schema, settings
from hopeworld.evaluation.labels import PERSISTENCE

RUN = ["seed", "order"]
TRANSITION = ["stream", "seed", "order", "k", "t", "kind", "region"]
SORTED = ["stream", "method", "seed", "order", "k"]


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


def run_name(stream: str, method: str, seed: int, order: int) -> str:
    """The name of a run in all tables."""
    return f"{stream}_{method}_seed{seed}_order{order}"


def require_runs(
    table: pd.DataFrame,
    study: str,
    methods: Mapping[str, Iterable[str]],
    seeds: tuple,
    orders: tuple,
) -> None:
    """Raise `TableError` with one line that names the runs a table lacks.

    methods: for every stream the methods that run it.
    """
    columns = ["stream", "method", *RUN]
    found = set(table[columns].drop_duplicates().itertuples(index=False, name=None))
    runs = [(n, m) for n, names in methods.items() for m in names]
    wanted = [(*run, seed, order) for run in runs for seed in seeds for order in orders]
    missing = [run_name(*run) for run in wanted if run not in found]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise TableError(
            f"study {study}: {len(missing)} of {len(wanted)} runs are missing "
            f"({', '.join(missing[:3])}{more}); run the rule adapt_stream for them"
        )


def join_twin(stream: pd.DataFrame, methods: Mapping[str, settings.Method]) -> pd.DataFrame:
    """Add `loss_frozen`: the loss of the method's frozen twin on the same transition.

    Paired by (stream, seed, order, k, t, kind, region). Raises `TableError` where the twin has no
    such transition or saw another clip there.
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
    first = table.groupby("stream", sort=False)["method"].transform("first")
    rows = table[table["method"] == first].copy()
    names = {
        run: run_name(stream, PERSISTENCE, seed, order)
        for run, stream, seed, order in rows[["run", "stream", *RUN]]
        .drop_duplicates()
        .itertuples(index=False, name=None)
    }
    rows = rows.assign(run=rows["run"].map(names), method=PERSISTENCE, loss=rows["persistence"])
    if "loss_frozen" in rows:
        rows = rows.assign(loss_frozen=rows["persistence"], clipped=False)
        rows[["grad_norm_pre", "drift", "time_ms"]] = float("nan")
    return rows
