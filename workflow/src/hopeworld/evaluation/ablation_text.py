"""The table of an ablation in print: LaTeX for the thesis, Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hopeworld import files
from hopeworld.evaluation.labels import label, stamp
from hopeworld.evaluation.latex import escape
from hopeworld.marks import between

MARKS = ("<!-- ablation: start -->", "<!-- ablation: end -->")
# Column: head, decimals, factor (percent or not), whether a sign is shown.
PRINTED = {
    "skill": ("skill", 3, 1, False),
    "skill_difference": ("skill − base", 3, 1, True),
    "lost_share": ("lost without actions, %", 0, 100, False),
    "frozen_loss_B": ("frozen, B", 3, 1, False),
    "loss_B": ("online, B", 3, 1, False),
    "gain_B": ("gain in B", 4, 1, True),
    "forgetting_rate": ("forgetting, %", 1, 100, True),
    "carry_benefit": ("carry benefit", 4, 1, True),
}
HEADS = ["contestant", "what differs", "parameters", *(head for head, *_ in PRINTED.values())]


def markdown(results: Path) -> str:
    """The table of a finished study as Markdown, with a note on its numbers.

    Raises ValueError if the study has no such table.
    """
    path = results / "tables" / "ablation.csv"
    if not path.exists():
        raise ValueError(f"{path}: no such table; run a study with `variants`, and its evaluation")
    table = pd.read_csv(path).fillna({"change": ""})
    metrics = files.read_json(results / "metrics.json")
    lines = [HEADS, ["---", "---", *("--:" for _ in HEADS[2:])], *rows(table, metrics["seeds"])]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in lines), "", note(metrics)])


def put_into(document: Path, results: Path) -> None:
    """Put the Markdown table between the two marks of a document."""
    text = between(document.read_text(), MARKS, markdown(results), str(document))
    with files.atomic(document) as part:
        part.write_text(text)


def latex(table: pd.DataFrame, metrics: Mapping[str, Any]) -> str:
    """Printed form for the package booktabs."""
    heads = [escape(head) for head in HEADS]
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{ll{'r' * (len(HEADS) - 2)}}}",
        r"\toprule",
        f"{' & '.join(heads)} \\\\",
        r"\midrule",
    ]
    for cells in rows(table, metrics["seeds"]):
        lines.append(f"{' & '.join(escape(cell) for cell in cells)} \\\\")
    text = escape(note(metrics))
    text = rf"\multicolumn{{{len(HEADS)}}}{{p{{0.95\linewidth}}}}{{\footnotesize {text}}} \\"
    return "\n".join([*lines, r"\midrule", text, r"\bottomrule", r"\end{tabular}", ""])


def rows(table: pd.DataFrame, seeds: list[int]) -> list[list[str]]:
    """The printed cells of every contestant."""
    return [
        [label(row["method"]), row["change"] or "–", _count(row["parameters"])]
        + [_cell(row, name, seeds) for name in PRINTED]
        for row in table.to_dict("records")
    ]


def _count(parameters: float) -> str:
    return f"{int(parameters):,}" if np.isfinite(parameters) else "–"


def _cell(row: Mapping[str, Any], name: str, seeds: list[int]) -> str:
    """The mean with half the range over seeds."""
    _, decimals, factor, is_signed = PRINTED[name]
    if not np.isfinite(float(row[name])):
        return "NA"
    text = f"{factor * float(row[name]):{'+' if is_signed else ''}.{decimals}f}"
    values = np.array([row[f"{name}_seed{seed}"] for seed in seeds], dtype=float)
    return f"{text} ± {factor * np.ptp(values) / 2:.{decimals}f}" if seeds[1:] else text


def note(metrics: Mapping[str, Any]) -> str:
    """What the numbers of the table are."""
    seeds = metrics["seeds"]
    spread = (
        f"Mean of seeds {', '.join(map(str, seeds))} ± half their range"
        if seeds[1:]
        else (f"Seed {seeds[0]}")
    )
    return (
        f"{spread}. Skill over persistence and losses (L1, LayerNorm space) are those of object "
        "patches. Frozen: the twin that learns nothing and resets at every clip. Carry benefit: "
        "loss over the stream with a reset at every clip minus loss with carried state; NA where "
        f"only one of the two was run. {stamp(metrics)}."
    )
