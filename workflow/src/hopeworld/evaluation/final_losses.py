"""The table of final losses, for reading by machine (CSV, all regions) and in print (LaTeX)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hopeworld import files, settings
from hopeworld.evaluation.labels import label, stamp
from hopeworld.evaluation.latex import booktabs, cell, escape, spread
from hopeworld.settings import PHASES

HORIZONS = range(1, 8)
FINAL = [*(f"final_loss_{phase}" for phase in PHASES), "probe_A_end", "probe_B_end"]
ROLLOUT = [f"rollout_loss_{phase}_{h}" for phase in PHASES for h in HORIZONS]
SUFFIXES = {"object": "", "background": "_background", "all": "_all"}
# Metric and head, of what every stream has, in two blocks that fit the text width.
PRINTED = (
    {"final_loss_A1": "A$_1$", "final_loss_B": "B", "final_loss_A2": "A$_2$"},
    {"probe_A_end": "A", "probe_B_end": "B", "rollout_loss_B_7": "B, $H=7$"},
)
SPANS = (
    [r"& \multicolumn{3}{c}{online, end of phase} \\", r"\cmidrule{2-4}"],
    [r"& \multicolumn{2}{c}{held out, end} & rollout \\", r"\cmidrule(r){2-3}\cmidrule(l){4-4}"],
)


def write(
    metrics: Mapping[str, Any], evaluation: settings.Evaluation, csv: Path, tex: Path
) -> None:
    """Write both forms of the table atomically."""
    with files.atomic(csv) as part:
        table(metrics).to_csv(part, index=False, lineterminator="\n")
    with files.atomic(tex) as part:
        part.write_text(latex(metrics, evaluation))


def table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Long form: method, metric, region, mean, low, high, n; losses in L1 of LayerNorm space."""
    rows = []
    for method, values in metrics["methods"].items():
        for region, suffix in SUFFIXES.items():
            for name in (n for n in [*FINAL, *ROLLOUT] if f"{n}{suffix}" in values):
                entry = values[f"{name}{suffix}"]
                rows.append({"method": method, "metric": name, "region": region, **entry})
    return pd.DataFrame(rows)


def latex(metrics: Mapping[str, Any], evaluation: settings.Evaluation) -> str:
    """Printed form for the package booktabs: object patches, mean ± half interval."""
    blocks = [
        [
            [escape(label(method)), *(cell(values.get(name)) for name in block)]
            for method, values in metrics["methods"].items()
        ]
        for block in PRINTED
    ]
    note = (
        f"L1 on object patches in LayerNorm space, lower is better; "
        f"end: last {evaluation.final_share:.0%} of a phase; {spread(metrics)}. "
        f"{stamp(metrics)}."
    )
    return booktabs([["method", *block.values()] for block in PRINTED], blocks, note, SPANS)
