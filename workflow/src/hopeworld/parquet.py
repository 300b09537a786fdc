"""Tables as parquet files that carry the record of the job that wrote them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from hopeworld.files import atomic
from hopeworld.records import carried


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index, atomically; the record stands in the schema's metadata."""
    arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **carried()})
    with atomic(path, "the table") as part:
        pyarrow.parquet.write_table(arrow, part)
