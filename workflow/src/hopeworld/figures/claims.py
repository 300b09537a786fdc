"""What each figure shows, in one sentence with its numbers, for its caption.

Standard library only: captions are made where figures are not drawn. A number that is not there is
NA.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hopeworld.evaluation.labels import PERSISTENCE, in_order, label
from hopeworld.figures.csv_claims import csv_claims

Metrics = Mapping[str, Any]
Sentence = Callable[[Metrics, list[str]], str]
LAST = 7


def claims(folder: Path) -> dict[str, str]:
    """The sentence of every figure of `folder` that was drawn, by its name.

    Figures of the streams take their numbers from metrics.json and verdict.json beside `folder`,
    the others from the CSV of the figure.
    """
    found = csv_claims(folder)
    drawn = {name: _rows(folder / f"{name}.csv") for name in (*SENTENCES, "learning_rates")}
    if any(drawn.values()):
        metrics = json.loads((folder.parent / "metrics.json").read_text())
        for name in SENTENCES:
            methods = in_order({row["method"] for row in drawn[name]} - {PERSISTENCE})
            found |= {name: SENTENCES[name](metrics, methods)} if methods else {}
        if drawn["learning_rates"]:
            found["learning_rates"] = _learning_rates(drawn["learning_rates"])
    verdict = folder.parent / "verdict.json"
    if verdict.exists():
        found["contrasts"] = json.loads(verdict.read_text())["sentence"]
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def number(metrics: Metrics, method: str, metric: str, form: str, scale: float = 1.0) -> str:
    """The mean of a metric over seeds as text, zero without a minus; NA where there is none."""
    value = metrics["methods"][method].get(metric, {}).get("mean")
    return "NA" if value is None else format(scale * value, form.replace(".", "z."))


def _listed(names: Iterable[str], say: Callable[[str], str]) -> str:
    return "; ".join(f"{label(name)} {say(name)}" for name in names)


def _online_loss(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        return number(metrics, name, "loss_B", ".3f")

    return f"Mean object loss in B: {_listed([*names, PERSISTENCE], say)}."


def _paired_gain(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        net = number(metrics, name, "net_gain", "+.4f")
        beyond = "" if net == "NA" else f" ({net} net of the placebo)"
        return number(metrics, name, "adaptation_gain", "+.4f") + beyond

    return f"Mean gain in B: {_listed(names, say)}."


def _forgetting_recovery(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        rates = ("recovered_gap", "forgetting_rate")
        shares = [number(metrics, name, rate, ".0f", 100) for rate in rates]
        return " and ".join(share if share == "NA" else f"{share} %" for share in shares)

    return f"Recovered share of the excess loss in B, and forgetting of A: {_listed(names, say)}."


def _probe_curves(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        points = ("before_B", "after_B", "end")
        return ", ".join(number(metrics, name, f"probe_A_{point}", ".3f") for point in points)

    learning = [name for name in names if metrics["twins"][name] != name]
    points = "before B, after B and at the end"
    return f"Object loss on held-out clips of A {points}: {_listed(learning, say)}."


def _recovery(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        return number(metrics, name, "stream_forgetting", "+.4f")

    return f"Mean loss above the frozen twin's in the first clips of A₂: {_listed(names, say)}."


def _horizon(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        return number(metrics, name, f"rollout_loss_B_{LAST}", ".3f")

    return f"Object loss in B, {LAST} steps ahead: {_listed([*names, PERSISTENCE], say)}."


def _physics_probe(metrics: Metrics, names: list[str]) -> str:
    def say(name: str) -> str:
        error = number(metrics, name, f"centre_error_B_{LAST}", ".1f", 100)
        signed = number(metrics, name, f"centre_signed_B_{LAST}", "+.1f", 100)
        return f"{error} cm ({signed} cm along its way)"

    return f"Error of the object's centre in B, {LAST} steps ahead: {_listed(names, say)}."


SENTENCES: dict[str, Sentence] = {
    "online_loss": _online_loss,
    "paired_gain": _paired_gain,
    "forgetting_recovery": _forgetting_recovery,
    "probe_curves": _probe_curves,
    "recovery": _recovery,
    "horizon": _horizon,
    "physics_probe": _physics_probe,
}


def _learning_rates(rows: list[dict[str, str]]) -> str:
    chosen = [f"{label(r['method'])} {float(r['rate']):g}" for r in rows if r["best"] == "True"]
    return f"Chosen rates: {', '.join(chosen) or 'none'}."
