"""Every metric of every method (T2), for reading by machine (CSV) and in print (LaTeX)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hopeworld import files
from hopeworld.evaluation.labels import label, stamp
from hopeworld.evaluation.latex import booktabs, cell, escape, spread

LOSS, SKILL, SHARE, CLIPS, METRES = "L1", "skill points", "share", "clips", "m"
SUFFIXES = {"object": "", "background": "_background", "all": "_all"}


@dataclass(frozen=True)
class Meaning:
    """Unit of a metric, and which way is better: lower, higher, or neither."""

    unit: str
    direction: str


LOWER = Meaning(LOSS, "lower")
HIGHER = Meaning(LOSS, "higher")
MEANINGS = {
    "skill": Meaning(SKILL, "higher"),
    "domain_gap": Meaning(SKILL, "neither"),
    "domain_gap_matched": Meaning(SKILL, "neither"),
    "oracle_gain": Meaning(LOSS, "neither"),
    "adaptation_gain": HIGHER,
    "net_gain": HIGHER,
    "asymptotic_gain": HIGHER,
    "recovered_gap": Meaning(SHARE, "higher"),
    "half_life": Meaning(CLIPS, "lower"),
    "clips_to_50_percent": Meaning(CLIPS, "lower"),
    "clips_to_90_percent": Meaning(CLIPS, "lower"),
    "forgetting": LOWER,
    "forgetting_rate": Meaning(SHARE, "lower"),
    "forgetting_rate_per_100": Meaning("share per 100 clips", "lower"),
    "stream_forgetting": LOWER,
    "recovery": Meaning(CLIPS, "lower"),
    "savings": HIGHER,
    "loss": LOWER,
    "final_loss": LOWER,
    "anytime_loss": LOWER,
    "probe": LOWER,
    "rollout_loss": LOWER,
    "rollout_skill": Meaning(SKILL, "higher"),
    "persistence": Meaning(LOSS, "neither"),
    "centre_error": Meaning(METRES, "lower"),
    "centre_signed": Meaning(METRES, "neither"),
    "collapsed": Meaning("share of runs", "lower"),
    "diverged": Meaning("share of runs", "lower"),
    "clipped_share": Meaning(SHARE, "neither"),
    "drift_end": Meaning("share of the parameters' norm", "neither"),
}
# Printed: head, metric, factor, decimals. Two blocks below each other fit the text width.
PRINTED = (
    (
        ("skill A$_1$", "skill_A1", 1, 3),
        ("skill B", "skill_B", 1, 3),
        (r"gain $\cdot 10^3$", "adaptation_gain", 1e3, 1),
        (r"net gain $\cdot 10^3$", "net_gain", 1e3, 1),
        ("half-life", "half_life", 1, 1),
    ),
    (
        (r"forgetting, \%", "forgetting_rate", 100, 1),
        (r"in A$_2$ $\cdot 10^3$", "stream_forgetting", 1e3, 1),
        ("recovery", "recovery", 1, 1),
        ("anytime loss", "anytime_loss", 1, 3),
        ("centre, mm", "centre_error_B_7", 1e3, 1),
    ),
)
NOTE = (
    "Object patches. Gain: mean of L0 − L over B, L1; net: minus that in the placebo; half-life "
    "and recovery: clips, NA without a gain; forgetting: of the skill on held-out A by the end of "
    "B; in A2: L − L0 over its first clips; anytime loss: over B and A2; centre: error of the "
    "decoded centre in B at H = 7"
)


def write(metrics: Mapping[str, Any], csv: Path, tex: Path) -> None:
    """Write both forms of the table atomically."""
    with files.atomic(csv) as part:
        table(metrics).to_csv(part, index=False, lineterminator="\n")
    with files.atomic(tex) as part:
        part.write_text(latex(metrics))


def table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Long form: stream, method, metric, region, mean, low, high, n, censored, unit, direction.

    Values are over seeds; `censored` counts runs that only bound a duration, and is empty for
    what cannot be censored. The region is empty for what has none. NA is empty.
    """
    streams = {"main": metrics, **metrics["streams"]}
    rows = [
        {"stream": stream, "method": method, **row}
        for stream, values in streams.items()
        for method, entries in values["methods"].items()
        for row in _rows(entries)
    ]
    return pd.DataFrame(rows).astype({"n": int, "censored": "Int64"})


def _rows(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, entry in entries.items():
        metric, region = _split(name, entries)
        meaning = MEANINGS[family(metric)]
        values = {part: entry[part] for part in ("mean", "low", "high", "n")}
        yield {
            "metric": metric,
            "region": region,
            **values,
            "censored": entry.get("censored"),
            "unit": meaning.unit,
            "direction": meaning.direction,
        }


def _split(name: str, entries: Mapping[str, Any]) -> tuple[str, str]:
    """The metric and its region; a metric that exists in one form only has no region."""
    for region, suffix in SUFFIXES.items():
        if suffix and name.endswith(suffix):
            return name.removesuffix(suffix), region
    return name, "object" if f"{name}_all" in entries else ""


def family(metric: str) -> str:
    """The longest known name that a metric starts with: rollout_loss_B_7 is a rollout_loss.

    Raises KeyError for a metric without a known unit.
    """
    known = [n for n in MEANINGS if metric == n or metric.startswith(f"{n}_")]
    if not known:
        raise KeyError(f"{metric}: no unit is known; add it to metrics_table.MEANINGS")
    return max(known, key=len)


def latex(metrics: Mapping[str, Any]) -> str:
    """Printed form for the package booktabs: the main metrics of the stream main."""
    heads = [["method", *(head for head, *_ in block)] for block in PRINTED]
    blocks = [
        [
            [escape(label(method)), *(cell(entries.get(n), f, d) for _, n, f, d in block)]
            for method, entries in metrics["methods"].items()
        ]
        for block in PRINTED
    ]
    return booktabs(heads, blocks, f"{NOTE}; {spread(metrics)}. {stamp(metrics)}.")
