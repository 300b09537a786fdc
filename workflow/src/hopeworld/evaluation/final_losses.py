"""The table of final losses, for reading by machine (CSV, all regions) and in print (LaTeX)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hopeworld import files, settings
from hopeworld.evaluation.labels import label, stamp

HORIZONS = range(1, 8)
FINAL = ["final_loss_A1", "final_loss_B", "final_loss_A2", "probe_A_end", "probe_B_end"]
ROLLOUT = [f"rollout_loss_{phase}_{h}" for phase in ("A1", "B", "A2") for h in HORIZONS]
SUFFIXES = {"object": "", "background": "_background", "all": "_all"}
PRINTED = [*FINAL, "rollout_loss_B_7"]
HEADS = ["A$_1$", "B", "A$_2$", "A", "B", "B, $H=7$"]
ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}


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
    columns = len(PRINTED) + 1
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'r' * len(PRINTED)}}}",
        r"\toprule",
        r"& \multicolumn{3}{c}{online, end of phase} & \multicolumn{2}{c}{held out, end}"
        r" & \multicolumn{1}{c}{rollout} \\",
        r"\cmidrule(lr){2-4}\cmidrule(lr){5-6}\cmidrule(lr){7-7}",
        f"method & {' & '.join(HEADS)} \\\\",
        r"\midrule",
    ]
    for method, values in metrics["methods"].items():
        cells = [_cell(values[name]) for name in PRINTED]
        lines.append(f"{escape(label(method))} & {' & '.join(cells)} \\\\")
    note = (
        f"L1 on object patches in LayerNorm space, lower is better; "
        f"end: last {evaluation.final_share:.0%} of a phase; {_spread(metrics)}. "
        f"{stamp(metrics)}."
    )
    note = rf"\multicolumn{{{columns}}}{{p{{0.95\linewidth}}}}{{\footnotesize {escape(note)}}} \\"
    return "\n".join([*lines, r"\midrule", note, r"\bottomrule", r"\end{tabular}", ""])


def _spread(metrics: Mapping[str, Any]) -> str:
    seeds = len(metrics["seeds"])
    if seeds < 2:
        return "one seed, so no interval"
    return f"half width of the {metrics['confidence']:.0%} t interval over {seeds} seeds"


def _cell(entry: Mapping[str, Any]) -> str:
    if entry["mean"] is None:
        return "NA"
    if entry["low"] is None:
        return f"{entry['mean']:.3f}"
    return rf"{entry['mean']:.3f} $\pm$ {entry['mean'] - entry['low']:.3f}"


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(ESCAPES.get(c, c) for c in text).replace("·", r"$\cdot$")
