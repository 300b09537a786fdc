"""The rule of the study: which of two contestants wins, or that nothing can be said.

The candidate wins iff every `superior` endpoint is superior (one-sided upper bound of the mean
difference below -delta, p after Holm below alpha), every `not_inferior` one is superior or has its
upper bound below +delta, the interval of every `comparable` one lies within -/+ delta, and every
gate holds. The mirror image decides for the baseline; everything else is inconclusive. With fewer
seeds or orders than the rule asks for there is no verdict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hopeworld import files, settings
from hopeworld.evaluation.contrasts import (
    Contrast,
    contrasts,
    is_comparable,
    is_not_inferior,
    is_superior,
)
from hopeworld.evaluation.endpoints import Evidence, SeedValues, gather
from hopeworld.evaluation.labels import label
from hopeworld.evaluation.statistics import MOST_SEEDS
from hopeworld.evaluation.summary import without_nan
from hopeworld.evaluation.verdict_gates import Gate, gate
from hopeworld.records import carried


@dataclass(frozen=True)
class Control:
    """The cheap control with the lowest anytime loss, and that of both sides."""

    method: str
    anytime_loss: float
    candidate: float
    baseline: float

    @property
    def beats_both(self) -> bool:
        """Whether neither side is worth its cost."""
        return self.anytime_loss < self.candidate and self.anytime_loss < self.baseline


@dataclass(frozen=True)
class Verdict:
    """outcome: hope (the candidate wins), tta (the baseline wins), inconclusive or none."""

    outcome: str
    reasons: tuple[str, ...]
    contrasts: Mapping[str, Contrast]
    gates: Mapping[str, Gate]
    best_control: Control | None
    sentence: str


def decide(evidence: Evidence, rule: settings.Verdict) -> Verdict:
    """Apply the rule to the evidence."""
    found = contrasts(evidence.differences, evidence.margins, rule)
    leads = not found[primary(rule)].estimate > 0
    winner = evidence.candidate if leads else evidence.baseline
    gates = {name: gate(name, evidence, winner, rule) for name in rule.rule.gates}
    reasons = unmet(found if leads else {n: c.mirrored() for n, c in found.items()}, rule)
    reasons += [reason for one in gates.values() for reason in one.reasons]
    outcome = "inconclusive" if reasons else "hope" if leads else "tta"
    if shortfall(evidence, rule):
        outcome, reasons = "none", [shortfall(evidence, rule)]
    control = best_control(evidence)
    sentence = _sentence(outcome, reasons, evidence, found[primary(rule)], rule)
    if control and control.beats_both:
        sentence = f"{_about_control(control, evidence)} {sentence}"
    return Verdict(outcome, tuple(reasons), found, gates, control, sentence)


def primary(rule: settings.Verdict) -> str:
    """The endpoint whose sign says who leads: the first that must be superior."""
    return rule.rule.superior[0]


def shortfall(evidence: Evidence, rule: settings.Verdict) -> str:
    """Why the study gives no verdict at all; empty if it gives one."""
    found = []
    if evidence.seeds < rule.seeds:
        found.append(f"n = {evidence.seeds} < {rule.seeds}")
    if evidence.orders < rule.orders:
        found.append(f"orders = {evidence.orders} < {rule.orders}")
    if not found and not rule.enabled:
        found.append("verdict.enabled is false")
    return f"no verdict: {', '.join(found)}" if found else ""


def unmet(seen: Mapping[str, Contrast], rule: settings.Verdict) -> list[str]:
    """What the contrasts lack for a win, seen from the side that leads."""
    asked, alpha = rule.rule, rule.alpha
    reasons = []
    for name in dict.fromkeys((*asked.superior, *asked.not_inferior, *asked.comparable)):
        if seen[name].n < rule.seeds:
            reasons.append(f"{name} is NA in all but {seen[name].n} of {rule.seeds} seeds")
        if any(np.isinf(value) for value in seen[name].per_seed.values()):
            reasons.append(f"{name} is infinite: a run diverged")
        if np.isnan(seen[name].delta):
            reasons.append(f"{name} has no margin")
    for name in asked.superior:
        if not is_superior(seen[name], alpha):
            reasons.append(f"{name} is not superior")
    for name in asked.not_inferior:
        if not is_not_inferior(seen[name], alpha):
            reasons.append(f"{name} may be inferior")
    for name in asked.comparable:
        if not is_comparable(seen[name]):
            reasons.append(f"confounded by base fit: {name} is not comparable")
    return reasons


def best_control(evidence: Evidence) -> Control | None:
    """The best of the cheap controls by anytime loss; None where none ran."""
    known = {name: loss for name, loss in evidence.controls.items() if not np.isnan(loss)}
    if not known:
        return None
    method = min(known, key=lambda name: known[name])
    sides = (_mean(s.anytime_loss) for s in (evidence.candidate, evidence.baseline))
    return Control(method, known[method], *sides)


def _mean(values: SeedValues) -> float:
    return float(np.mean(list(values.values()))) if values else float("nan")


def _sentence(
    outcome: str,
    reasons: list[str],
    evidence: Evidence,
    overall: Contrast,
    rule: settings.Verdict,
) -> str:
    candidate, baseline = (label(s.name) for s in (evidence.candidate, evidence.baseline))
    numbers = f"{primary(rule)} {_numbers(overall, candidate, rule.confidence)}"
    if outcome == "hope":
        return f"{candidate} beats {baseline}: {numbers}."
    if outcome == "tta":
        return f"{baseline} beats {candidate}: {numbers}."
    if outcome == "none":
        return f"{candidate} against {baseline}: {reasons[0]}."
    parts = (
        f"{candidate} against {baseline} is inconclusive: {'; '.join(reasons)}.",
        f"The numbers: {numbers}.",
        _seeds_to_decide(overall),
    )
    return " ".join(part for part in parts if part)


def _seeds_to_decide(one: Contrast) -> str:
    """How many seeds would tell, where more of them could; empty where they are not what lacks."""
    if not np.isfinite([one.high, one.delta]).all() or (one.n_to_decide or one.n + 1) <= one.n:
        return ""
    if one.n_to_decide is None:
        return f"Not even {MOST_SEEDS} seeds would decide at this difference and spread."
    return f"At this difference and spread {one.n_to_decide} seeds would decide."


def _numbers(one: Contrast, candidate: str, confidence: float) -> str:
    """Estimate, interval, margin and number of seeds of candidate minus baseline."""
    estimate, low, high = (_signed(value) for value in (one.estimate, one.low, one.high))
    return (
        f"{estimate} [{low}, {high}] ({100 * confidence:g} % interval of the difference, below 0 "
        f"favours {candidate}; margin {_signed(one.delta).lstrip('+')}, n = {one.n})"
    )


def _signed(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:+.4f}"


def _about_control(control: Control, evidence: Evidence) -> str:
    candidate, baseline = (label(s.name) for s in (evidence.candidate, evidence.baseline))
    return (
        f"The cheap control {label(control.method)} beats both: anytime loss "
        f"{control.anytime_loss:.4f} against {control.candidate:.4f} of {candidate} and "
        f"{control.baseline:.4f} of {baseline}."
    )


def as_json(verdict: Verdict, evidence: Evidence, rule: settings.Verdict) -> dict[str, Any]:
    """The content of verdict.json; NA is null."""
    first, control = verdict.contrasts[primary(rule)], verdict.best_control
    written = {
        "rule": as_data(rule),
        "rule_hash": rule_hash(rule),
        "inputs": {
            "candidate": evidence.candidate.name,
            "baseline": evidence.baseline.name,
            "seeds": evidence.seeds,
            "orders": evidence.orders,
            "endpoints": {name: asdict(one) for name, one in verdict.contrasts.items()},
        },
        "gates": {
            name: {"passed": one.passed, "found": one.found} for name, one in verdict.gates.items()
        },
        "outcome": verdict.outcome,
        "reasons": verdict.reasons,
        "interval": {
            "endpoint": primary(rule),
            **{name: getattr(first, name) for name in ("estimate", "low", "high", "n", "delta")},
        },
        "n_to_decide": first.n_to_decide,
        "best_control": control and {**asdict(control), "beats_both": control.beats_both},
        "sentence": verdict.sentence,
    }
    return without_nan(written)


def as_data(rule: settings.Verdict) -> dict[str, Any]:
    """The rule and its thresholds as plain data; whether it is enabled is no part of it."""
    return {name: value for name, value in asdict(rule).items() if name != "enabled"}


def rule_hash(rule: settings.Verdict) -> str:
    """sha256 of the rule's canonical JSON (sorted keys, no spaces)."""
    canonical = json.dumps(as_data(rule), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def write(
    metrics: Mapping[str, Any],
    rule: settings.Verdict,
    methods: Mapping[str, settings.Method],
    oracles: Iterable[str],
    path: Path,
) -> None:
    """Decide a study from its metrics.json and write verdict.json.

    Raises `TableError` if a verdict is asked for and metrics.json lacks what it needs.
    """
    evidence = gather(metrics, rule, methods, oracles)
    files.write_json(path, as_json(decide(evidence, rule), evidence, rule) | carried())
