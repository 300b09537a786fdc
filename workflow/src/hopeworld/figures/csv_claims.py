"""What a figure says, as one sentence with its numbers, from the CSV beside it: for captions.

Standard library only: the workflow writes captions where no figure is drawn. A number that is not
there is NA.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from hopeworld.evaluation.labels import PERSISTENCE, in_order, label
from hopeworld.figures.leakage_claim import leakage_claim

Rows = list[dict[str, str]]


def csv_claims(folder: Path) -> dict[str, str]:
    """The sentence of every figure of `folder` that has one and was drawn."""
    found = {}
    for name, sentence in SENTENCES.items():
        path = folder / f"{name}.csv"
        rows = _read(path) if path.exists() else []
        if rows:
            found[name] = sentence(rows)
    return found


def _read(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _titan(rows: Rows) -> str:
    method = _focus(rows)
    before = {"method": method, "name": "surprise_before"}
    a, b = (_mean(rows, "mean", **before, phase=phase) for phase in ("A1", "B"))
    kept = _mean(rows, "mean", method=method, name="retained_share")
    return (
        f"From A₁ to B the mean surprise of {label(method)} goes from {_text(a)} to {_text(b)}, "
        f"and a clip leaves {_text(kept, '.0%')} of the memory that it found."
    )


def _levels(rows: Rows) -> str:
    method = _focus(rows)
    levels = {r["memory"] for r in rows if r["memory"].startswith("cms_")}
    names = sorted(levels, key=lambda name: int(name.removeprefix("cms_")))
    where = {"method": method, "name": "delta", "phase": "B"}
    fast, slow = (_last(rows, memory=name, **where) for name in (names[0], names[-1]))
    before = _mean(rows, "mean", method=method, name="loss_before")
    share = _mean(rows, "mean", method=method, name="taught") / before if before else math.nan
    periods = [name.removeprefix("cms_") for name in (names[0], names[-1])]
    return (
        f"Late in B the delta of {label(method)}'s level of period {periods[0]} has {_text(fast)} "
        f"of the norm of its weights, that of period {periods[1]} {_text(slow)}; a look-back "
        f"takes {_text(share, '.1%')} off the loss of the transition that it learns from."
    )


def _geometry(rows: Rows) -> str:
    method = _focus(rows)
    parts = {r["part"] for r in rows if (r["method"], r["panel"]) == (method, "transplant")}
    part = "all" if "all" in parts else next(iter(sorted(parts)), "")
    where = {"panel": "transplant", "method": method, "part": part, "seed": ""}
    changes = []
    for domain in ("B", "A"):
        start, end = (
            _mean(rows, "value", **where, domain=domain, state=state) for state in ("start", "B")
        )
        changes.append(end / start - 1 if start else math.nan)
    benefit = _mean(rows, "value", panel="carry_benefit", method=method, state="B", seed="")
    return (
        f"What {label(method)} knows at the end of B changes its object loss by "
        f"{_text(changes[0], '+.1%')} on B and {_text(changes[1], '+.1%')} on A; in B, carrying "
        f"its state takes {_text(benefit, '+.4f')} off the loss of a clip's first transition."
    )


def _errors(rows: Rows) -> str:
    names = in_order({r["panel"] for r in rows} - {"difference"})
    shown = [name for name in names if name != PERSISTENCE] + [PERSISTENCE]
    values = [_mean(rows, "error", panel=name, object="1") for name in shown]
    words = [f"{label(name)} {_text(value)}" for name, value in zip(shown, values, strict=True)]
    return f"Mean error on the object's patches of these transitions: {_listed(words)}."


def _features(rows: Rows) -> str:
    true = {(r["t"], r["patch"]): r for r in rows if r["row"] == "true"}
    share, words = float(rows[0]["variance_share"]), []
    for name in in_order({r["row"] for r in rows} - {"true"}):
        own = [r for r in rows if r["row"] == name]
        away = [
            abs(float(r[c]) - float(true[r["t"], r["patch"]][c]))
            for r in own
            for c in ("red", "green", "blue")
        ]
        words.append(f"{label(name)} {_text(_average(away))}")
    return (
        f"The three components hold {_text(share, '.0%')} of the variance of the true features; "
        f"mean distance of a colour from the true one: {_listed(words)}."
    )


def _strips(rows: Rows) -> str:
    far = [
        max(float(r["distance_m"]) for r in rows if r["domain"] == domain) for domain in ("A", "B")
    ]
    off = max(abs(float(r["distance_m"]) - float(r["law_m"])) / float(r["resting_m"]) for r in rows)
    pairs = len({r["clip"] for r in rows})
    return (
        f"In {pairs} pairs the object slides up to {far[0]:.2f} m in A and {far[1]:.2f} m in B, "
        f"never more than {off:.2%} of the way to rest off Coulomb's law."
    )


def _training(rows: Rows) -> str:
    words = []
    for model in in_order({r["model"] for r in rows}):
        own = [r for r in rows if r["model"] == model and r["seed"] == ""]
        end = max(float(r["step"]) for r in own)
        last = [r for r in own if float(r["step"]) == end]
        skill = _mean(last, "value", name="skill", region="object")
        loss = _mean(last, "value", name="teacher_forcing", region="all")
        words.append(f"{label(model)} {_text(skill)} (loss {_text(loss, '.4f')})")
    return f"Object skill at the end of training: {_listed(words)}."


def _variants(rows: Rows) -> str:
    base, words = rows[0]["method"], []
    for panel, what, form in (
        ("skill_difference", "skill minus its own", "+.3f"),
        ("gain_B", "gain in B", "+.4f"),
    ):
        own = [r for r in _select(rows, {"panel": panel, "seed": ""}) if r["method"] != base]
        known = sorted((float(r["value"]), r["method"]) for r in own if r["value"])
        if known:
            ends = [f"{value:{form}} ({label(name)})" for value, name in (known[0], known[-1])]
            words.append(f"{what} from {ends[0]} to {ends[1]}")
    return f"Beside {label(base)}: {_listed(words)}."


SENTENCES = {
    "titan_diagnostics": _titan,
    "cms_levels": _levels,
    "memory_geometry": _geometry,
    "error_maps": _errors,
    "feature_maps": _features,
    "clip_strips": _strips,
    "training_curves": _training,
    "variants": _variants,
    "leakage": leakage_claim,
}


def _focus(rows: Rows) -> str:
    """The method that a sentence is about: HOPE, or the last one of the order of all figures."""
    names = {r["method"] for r in rows}
    return "hope" if "hope" in names else in_order(names)[-1]


def _select(rows: Rows, where: dict[str, str]) -> Rows:
    return [r for r in rows if all(r[key] == value for key, value in where.items())]


def _mean(rows: Rows, column: str, **where: str) -> float:
    return _average(float(r[column] or "nan") for r in _select(rows, where))


def _last(rows: Rows, **where: str) -> float:
    own = sorted(_select(rows, where), key=lambda r: float(r["k"]))
    return float(own[-1]["mean"] or "nan") if own else math.nan


def _average(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _text(value: float, form: str = ".3f") -> str:
    """A number, zero without a minus; NA where there is none."""
    return format(value, form.replace(".", "z.")) if math.isfinite(value) else "NA"


def _listed(words: list[str]) -> str:
    return "; ".join(words)
