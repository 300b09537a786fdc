"""What must hold before a verdict: a shift, base models that learnt, adaptation, no collapse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hopeworld import settings
from hopeworld.evaluation.endpoints import Contestant, Evidence, SeedValues
from hopeworld.evaluation.labels import label
from hopeworld.evaluation.statistics import Interval, interval

Sides = tuple[Contestant, ...]


@dataclass(frozen=True)
class Gate:
    """The reasons why a gate does not hold, none where it does, and what it read."""

    reasons: tuple[str, ...]
    found: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the gate holds."""
        return not self.reasons


def gate(name: str, evidence: Evidence, winner: Contestant, rule: settings.Verdict) -> Gate:
    """One gate of `settings.VerdictRule.gates`; only net_gain depends on who claims to win."""
    sides = (evidence.candidate, evidence.baseline)
    return GATES[name](sides, winner, rule)


def _domain_gap(sides: Sides, winner: Contestant, rule: settings.Verdict) -> Gate:
    """B is harder for both frozen twins at equal motion; an oracle, where one ran, does better."""
    gap = _above_zero("domain gap of the frozen", "domain_gap", sides, rule, "low")
    known = tuple(side for side in sides if _over_seeds(side.oracle_gain, rule).n)
    oracle = _above_zero("gain of an oracle over the frozen", "oracle_gain", known, rule)
    return Gate(gap.reasons + oracle.reasons, {**gap.found, "oracle_gain": oracle.found})


def _base_skill(sides: Sides, winner: Contestant, rule: settings.Verdict) -> Gate:
    return _above_zero("object skill on A1 of", "skill_A1", sides, rule)


def _net_gain(sides: Sides, winner: Contestant, rule: settings.Verdict) -> Gate:
    """A gain over the frozen twin that the placebo does not give: else the win is capacity."""
    gain = _above_zero("gain over the frozen twin of", "gain", (winner,), rule)
    net = _above_zero("gain net of placebo of", "net_gain", (winner,), rule)
    shown = {name: _above_zero("", name, sides, rule).found for name in ("gain", "net_gain")}
    return Gate(gain.reasons + net.reasons, shown)


def _collapsed(sides: Sides, winner: Contestant, rule: settings.Verdict) -> Gate:
    total = sum(side.collapsed for side in sides)
    reason = f"{total} collapsed runs, more than {rule.max_collapsed}"
    reasons = (reason,) if total > rule.max_collapsed else ()
    return Gate(reasons, {side.name: side.collapsed for side in sides})


GATES: dict[str, Callable[[Sides, Contestant, settings.Verdict], Gate]] = {
    "domain_gap": _domain_gap,
    "base_skill": _base_skill,
    "net_gain": _net_gain,
    "collapsed": _collapsed,
}


def _above_zero(
    what: str, metric: str, sides: Sides, rule: settings.Verdict, end: str = "mean"
) -> Gate:
    """Whether the mean of a metric, or another `end` of its interval, is above 0 on all sides.

    It must be known in as many seeds as the rule asks for; an oracle may know fewer.
    """
    needed = 1 if metric == "oracle_gain" else rule.seeds
    found = {side.name: _over_seeds(getattr(side, metric), rule) for side in sides}
    reasons = (
        f"{what} {label(name)} is not above 0 ({_shown(about)}, n = {about.n})"
        for name, about in found.items()
        if not (getattr(about, end) > 0 and about.n >= needed)
    )
    return Gate(tuple(reasons), {name: asdict(about) for name, about in found.items()})


def _over_seeds(values: SeedValues, rule: settings.Verdict) -> Interval:
    return interval(np.array(list(values.values()), float), rule.confidence)


def _shown(about: Interval) -> str:
    if np.isnan(about.mean):
        return "NA"
    if np.isnan(about.low):
        return f"{about.mean:+.4f}"
    return f"{about.mean:+.4f} [{about.low:+.4f}, {about.high:+.4f}]"
