"""What a finished study leaves to be kept with the code: verdict, tables, figures, provenance.

Standard library only.
"""

from __future__ import annotations

import csv
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hopeworld.evaluation.labels import in_order, label, stamp
from hopeworld.figures.claims import claims
from hopeworld.files import atomic, read_json, write_json
from hopeworld.provenance import run_manifest

KEPT = ("verdict.json", "settings.json", "tables/*.csv", "tables/*.json", "figures/*.png")
PACKAGES = ("snakemake", "torch", "transformers", "pybullet", "numpy", "scipy", "pandas")

# Head, metric, factor and format of the printed columns.
COLUMNS = (
    ("skill A₁", "skill_frozen_A1", 1, ".3f"),
    ("skill B", "skill_B", 1, ".3f"),
    ("gain in B · 10³", "adaptation_gain", 1e3, "+.1f"),
    ("net of placebo · 10³", "net_gain", 1e3, "+.1f"),
    ("half-life, clips", "half_life", 1, ".1f"),
    ("forgetting rate, %", "forgetting_rate", 100, "+.1f"),
    ("first clips of A₂ · 10³", "stream_forgetting", 1e3, "+.1f"),
    ("loss over B and A₂", "anytime_loss", 1, ".4f"),
)


def export(results: Path, folder: Path, root: Path) -> list[Path]:
    """Copy what is kept of `results` into `folder`, with README.md and provenance.json.

    root: the checkout whose commit made the results. Returns the copies. Raises ValueError where
    the study is not done.
    """
    if not (results / "settings.json").exists():
        raise ValueError(f"{results}: no settings.json, so the study is not done; run it first")
    found = sorted(path for pattern in KEPT for path in results.glob(pattern))
    copies = [folder / path.relative_to(results) for path in found]
    for path, copy in zip(found, copies, strict=True):
        with atomic(copy) as part:
            shutil.copyfile(path, part)
    about = provenance(root, read_json(results / "settings.json"))
    write_json(folder / "provenance.json", about)
    with atomic(folder / "README.md") as part:
        part.write_text(chapter(results, about))
    return copies


def chapter(results: Path, about: Mapping[str, Any]) -> str:
    """The results in Markdown: the verdict, the tables, what each figure says."""
    metrics, verdict = read_json(results / "metrics.json"), read_json(results / "verdict.json")
    said = claims(results / "figures")
    figures = [f"![{said[name]}](figures/{name}.png)\n\n{said[name]}\n" for name in said]
    machine = about["hardware"]
    parts = [
        f"# The study `{metrics['study']}`",
        "Written by `hopeworld export`; do not edit.",
        f"**{verdict['sentence']}**",
        f"{stamp(metrics)}. Seeds {_listed(metrics['seeds'])}; orders {_listed(metrics['orders'])};"
        f" clips per phase {_listed(metrics['clips'])}. Commit {about['commit']}, rule sha256 "
        f"{verdict['rule_hash'][:12]}, {machine['cores']} × {machine['processor']}.",
        "Mean over seeds, ± half the width of the t interval; losses are L1 on object patches in "
        "LayerNorm space. Skill on A₁ is that of the frozen twin.",
        methods_table(metrics),
        "Difference to the first method, paired; δ is the margin from the placebo:",
        contrasts_table(results / "tables" / "contrasts.csv"),
        *figures,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def methods_table(metrics: Mapping[str, Any]) -> str:
    """One row per method."""
    heads = ["method", *(head for head, *_ in COLUMNS)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in in_order(metrics["methods"]):
        values = metrics["methods"][name]
        cells = [_cell(values[metric], factor, form) for _, metric, factor, form in COLUMNS]
        lines.append(f"| {label(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(entry: Mapping[str, Any], factor: float, form: str) -> str:
    if entry["mean"] is None:
        return "NA"
    text = format(factor * entry["mean"], form)
    if entry["low"] is None:
        return text
    return f"{text} ± {format(factor * (entry['mean'] - entry['low']), form.lstrip('+'))}"


def contrasts_table(path: Path) -> str:
    """One row per contrast and endpoint, all endpoints in hundredths."""
    heads = ["difference", "endpoint", "estimate · 100", "interval", "p (Holm)", "δ · 100"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            estimate, low, high, delta = (
                _hundredths(row[name]) for name in ("estimate", "low", "high", "delta")
            )
            p = f"{float(row['p_holm']):.3f}" if row["p_holm"] else "NA"
            cells = [row["contrast"], row["endpoint"], estimate, f"{low} … {high}", p, delta]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _hundredths(text: str) -> str:
    return f"{100 * float(text):+.2f}" if text else "NA"


def _listed(values: list) -> str:
    return ", ".join(map(str, values))


def provenance(root: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Commit, settings hash and versions, with the kind of machine."""
    kept = {name: value for name, value in settings.items() if name != "report"}
    machine = {"processor": _processor(), "cores": os.cpu_count()}
    return run_manifest(root, kept, PACKAGES) | {"hardware": machine}


def _processor() -> str:
    """The processor as Linux names it; else what the platform says."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
