"""What a verdict looks at: endpoints of the candidate minus another method, and their margins.

All from metrics.json, object patches, paired by (seed, order) on the same clips; a value of a seed
is the mean over its orders. L is the online loss before any update, P that of persistence.

    adaptation  mean_B(L - L') / mean_B P                         skill points, < 0 favours
    stability   forgetting rate - forgetting rate'                share of the skill on A, < 0
    overall     mean_{B, A2}(L - L') / mean_{B, A2} P             skill points, < 0
    skill_A1    skill on A1 - skill on A1', of the frozen twins   skill points, > 0

The margin of an endpoint is what the order of the clips alone makes of it where nothing changes:
a quantile of the differences between orders of the placebo, seed by seed. Losses there are scaled
by the persistence of the main stream, as the endpoint is. For the frozen twins' skill on A1 that
would be nothing, for every order shows the same clips: its margin is a number of the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hopeworld import settings
from hopeworld.evaluation.labels import PERSISTENCE, in_order
from hopeworld.evaluation.statistics import placebo_margin
from hopeworld.evaluation.tables import TableError

SeedValues = Mapping[int, float]
Run = Mapping[str, Any]
Pairs = dict[tuple[int, int], tuple[Run, Run]]

# What each endpoint is the difference of, and what it is a share of.
ENDPOINTS = {
    "adaptation": ("loss_B", "persistence_B"),
    "stability": ("forgetting_rate", None),
    "overall": ("anytime_loss", "persistence_anytime"),
    "skill_A1": ("skill_frozen_A1", None),
}

# What a null of metrics.json stands for where the run diverged.
DIVERGED = {
    "loss_B": float("inf"),
    "anytime_loss": float("inf"),
    "forgetting_rate": float("inf"),
    "skill_frozen_A1": float("-inf"),
    "adaptation_gain": float("-inf"),
    "net_gain": float("-inf"),
}
CHEAP = ("action_encoder", "force_scale")


@dataclass(frozen=True)
class Contestant:
    """What the gates ask of one side, per seed; NaN is NA.

    domain_gap: at equal motion, of the frozen twin. oracle_gain: mean_B(L0 - L*) of the same kind
    of predictor trained on B; NaN where none ran. gain: over the frozen twin in B; net_gain: that
    minus the same of the placebo. collapsed: number of runs.
    """

    name: str
    skill_A1: SeedValues
    domain_gap: SeedValues
    oracle_gain: SeedValues
    gain: SeedValues
    net_gain: SeedValues
    anytime_loss: SeedValues
    collapsed: int


@dataclass(frozen=True)
class Evidence:
    """All that the rule looks at.

    differences: per endpoint and seed, candidate minus baseline. margins: delta per endpoint, NaN
    without a placebo in two orders. controls: anytime loss of cheap controls, means over seeds.
    """

    candidate: Contestant
    baseline: Contestant
    seeds: int
    orders: int
    differences: Mapping[str, SeedValues]
    margins: Mapping[str, float]
    controls: Mapping[str, float]


def gather(
    metrics: Mapping[str, Any],
    verdict: settings.Verdict,
    methods: Mapping[str, settings.Method],
    oracles: Iterable[str],
) -> Evidence:
    """The evidence of a study; `oracles` are the methods whose predictors were trained on B.

    What a study without a verdict lacks is NaN or empty. Raises `TableError` if a verdict is asked
    for and either side or their placebo did not run, and if metrics.json lacks a metric.
    """
    sides = (verdict.candidate, verdict.baseline)
    if verdict.enabled:
        _require(metrics, sides)
    candidate, baseline = (contestant(metrics, name) for name in sides)
    of_endpoint = differences(metrics["runs"], *sides)
    cheap = controls(metrics, sides, methods, oracles)
    return Evidence(
        candidate=candidate,
        baseline=baseline,
        seeds=len(of_endpoint["overall"]),
        orders=len(metrics["orders"]),
        differences=of_endpoint,
        margins=margins(metrics, *sides, verdict),
        controls={name: _mean_over_seeds(metrics["runs"], name, "anytime_loss") for name in cheap},
    )


def _require(metrics: Mapping[str, Any], sides: tuple[str, str]) -> None:
    for name in sides:
        if name not in metrics["methods"]:
            remedy = "add it to adaptation.contestants, or set verdict.enabled: false"
            raise TableError(f"verdict: {name} did not run; {remedy}")
    orders = {order for _, order in paired_runs(_placebo(metrics), *sides)}
    if len(orders) < 2:
        remedy = "run more orders, with placebo in adaptation.runs and both among its contestants"
        raise TableError(
            f"verdict: {len(orders)} placebo orders of {' and '.join(sides)}, a margin needs 2; "
            f"{remedy}"
        )


def differences(runs: Mapping[str, Run], candidate: str, other: str) -> dict[str, SeedValues]:
    """Per endpoint and seed the difference candidate minus other."""
    found = paired_runs(runs, candidate, other)
    return {
        name: _mean_over_orders((s, compare(name, *pair)) for (s, _), pair in found.items())
        for name in ENDPOINTS
    }


def margins(
    metrics: Mapping[str, Any], candidate: str, other: str, rule: settings.Verdict
) -> dict[str, float]:
    """Delta per endpoint; NaN without a placebo of both in two orders, or where a run is NA."""
    placebo = paired_runs(_placebo(metrics), candidate, other)
    found = {name: _margin(metrics, placebo, other, name, rule) for name in ENDPOINTS}
    return found | {"skill_A1": rule.base_margin}


def _margin(
    metrics: Mapping[str, Any], placebo: Pairs, other: str, name: str, rule: settings.Verdict
) -> float:
    metric, persistence = ENDPOINTS[name]
    of_seed: dict[int, list[float]] = {}
    for (seed, _), (run, rival) in placebo.items():
        of_seed.setdefault(seed, []).append(number(run, metric) - number(rival, metric))
    margin = placebo_margin(list(map(np.array, of_seed.values())), rule.margin_quantile)
    if persistence is None:
        return margin
    scale = _mean_over_seeds(metrics["runs"], other, persistence)
    return margin / scale if scale > 0 else float("nan")


def _placebo(metrics: Mapping[str, Any]) -> Mapping[str, Run]:
    """The runs of the stream that stays in A; none where there is none."""
    streams = metrics["streams"].values()
    return next((s["runs"] for s in streams if set(s["domains"]) == {"A"}), {})


def paired_runs(runs: Mapping[str, Run], candidate: str, other: str) -> Pairs:
    """The runs of both methods on the same stream, by (seed, order)."""
    first, second = (
        {(r["seed"], r["order"]): r for r in runs.values() if r["method"] == name}
        for name in (candidate, other)
    )
    return {key: (first[key], second[key]) for key in sorted(first.keys() & second.keys())}


def number(run: Run, name: str) -> float:
    """A metric of a run: null is NaN, or infinitely bad where the run diverged.

    Raises `TableError` if metrics.json has no such metric.
    """
    if name not in run:
        raise TableError(f"metrics.json: no {name!r} of {run['method']}; run summarise_study anew")
    if run[name] is None:
        return DIVERGED.get(name, float("nan")) if run.get("diverged") else float("nan")
    return float(run[name])


def compare(endpoint: str, run: Run, other: Run) -> float:
    """An endpoint of one pair of runs."""
    metric, persistence = ENDPOINTS[endpoint]
    difference = number(run, metric) - number(other, metric)
    if persistence is None:
        return difference
    scale = number(other, persistence)
    return difference / scale if scale > 0 else float("nan")


def contestant(metrics: Mapping[str, Any], name: str) -> Contestant:
    """One side of the verdict, from its runs of the main stream."""
    runs = metrics["runs"]
    return Contestant(
        name=name,
        skill_A1=_per_seed(runs, name, "skill_frozen_A1"),
        domain_gap=_per_seed(runs, name, "domain_gap_matched"),
        oracle_gain=_per_seed(runs, metrics["twins"].get(name, name), "oracle_gain"),
        gain=_per_seed(runs, name, "adaptation_gain"),
        net_gain=_per_seed(runs, name, "net_gain"),
        anytime_loss=_per_seed(runs, name, "anytime_loss"),
        collapsed=sum(number(r, "collapsed") > 0 for r in runs.values() if r["method"] == name),
    )


def controls(
    metrics: Mapping[str, Any],
    sides: tuple[str, str],
    methods: Mapping[str, settings.Method],
    oracles: Iterable[str],
) -> list[str]:
    """The cheap controls that ran; none knows B or when it comes.

    Persistence, formulas, the frozen twins of both sides, TTA of the action encoder or the force.
    """
    cheap = {PERSISTENCE, *(methods[side].twin for side in sides if side in methods)}
    for name, model in metrics["models"].items():
        method = methods[name]
        few = method.adapt in CHEAP and method.reset != "at_change"
        if metrics["kinds"][model] in settings.CLOSED_FORM or few:
            cheap.add(name)
    return in_order(name for name in metrics["methods"] if name in cheap - {*sides, *oracles})


def _per_seed(runs: Mapping[str, Run], method: str, name: str) -> SeedValues:
    return _mean_over_orders(
        (run["seed"], number(run, name)) for run in runs.values() if run["method"] == method
    )


def _mean_over_seeds(runs: Mapping[str, Run], method: str, name: str) -> float:
    return float(np.mean(list(_per_seed(runs, method, name).values())))


def _mean_over_orders(values: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Mean of the values of each seed that are not NA; NaN where all are."""
    of_seed: dict[int, list[float]] = {}
    for seed, value in values:
        of_seed.setdefault(seed, []).append(value)
    kept = {seed: [v for v in found if not np.isnan(v)] for seed, found in of_seed.items()}
    with np.errstate(invalid="ignore"):
        means = {seed: float(np.mean(v)) if v else float("nan") for seed, v in kept.items()}
    return dict(sorted(means.items()))
