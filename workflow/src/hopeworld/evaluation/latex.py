"""Tables for the package booktabs, no wider than the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
SIGNS = {"·": r"$\cdot$", "±": r"$\pm$", "−": "$-$", "–": "--", "×": r"$\times$"}


def booktabs(
    heads: Sequence[Sequence[str]],
    blocks: Sequence[Sequence[Sequence[str]]],
    note: str,
    spans: Sequence[Sequence[str]] | None = None,
) -> str:
    """A table of one or more blocks of rows below each other, each with its line of heads.

    Cells and heads are LaTeX; `note` is text and stands below the rows; `spans` are lines above the
    heads of each block. The type is 8 pt, whatever that of the document is.
    """
    columns = len(heads[0])
    lines = [
        r"% needs \usepackage{booktabs}",
        r"{\fontsize{8}{9.6}\selectfont\setlength{\tabcolsep}{3pt}%",
        rf"\begin{{tabular}}{{@{{}}l{'r' * (columns - 1)}@{{}}}}",
    ]
    for index, (head, rows) in enumerate(zip(heads, blocks, strict=True)):
        lines += [r"\midrule" if index else r"\toprule", *(spans[index] if spans else [])]
        lines += [f"{' & '.join(head)} \\\\", r"\midrule"]
        lines += [f"{' & '.join(row)} \\\\" for row in rows]
    note = rf"\multicolumn{{{columns}}}{{@{{}}p{{\linewidth}}@{{}}}}{{{escape(note)}}} \\"
    return "\n".join([*lines, r"\midrule", note, r"\bottomrule", r"\end{tabular}}", ""])


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    escaped = "".join(ESCAPES.get(c, c) for c in text)
    return "".join(SIGNS.get(c, c) for c in escaped)


def spread(metrics: Mapping[str, Any]) -> str:
    """What stands after ± in a table of this study."""
    seeds = len(metrics["seeds"])
    if seeds < 2:
        return "one seed, so no interval"
    return f"half width of the {metrics['confidence']:.0%} t interval over {seeds} seeds"


def cell(entry: Mapping[str, Any] | None, factor: float = 1.0, decimals: int = 3) -> str:
    """Mean ± half interval, NA where it is not known."""
    if entry is None or entry["mean"] is None:
        return "NA"
    mean = f"{factor * entry['mean']:.{decimals}f}"
    if entry["low"] is None:
        return mean
    return rf"{mean} $\pm$ {factor * (entry['mean'] - entry['low']):.{decimals}f}"
