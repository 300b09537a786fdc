"""The contrast of an endpoint over seeds, what may be claimed of it, and the table of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hopeworld import files, settings
from hopeworld.evaluation.endpoints import SeedValues, differences, margins
from hopeworld.evaluation.labels import PERSISTENCE, in_order
from hopeworld.evaluation.statistics import Test, bounds, holm, interval, n_to_decide, p_value

ENDPOINTS = ("adaptation", "stability", "overall")
NUMBERS = ("estimate", "low", "high", "lower_bound", "upper_bound", "p", "p_holm", "n", "delta")


@dataclass(frozen=True)
class Contrast:
    """An endpoint of candidate minus other over seeds; NaN is NA.

    low, high: two-sided interval. lower_bound, upper_bound: one-sided bounds, which the rule reads.
    p: two-sided, that the mean is 0; p_holm: over the three endpoints. delta: margin.
    n_to_decide: seeds at which the bound would lie beyond the margin, at this mean and spread.
    """

    estimate: float
    low: float
    high: float
    lower_bound: float
    upper_bound: float
    p: float
    p_holm: float
    n: int
    delta: float
    n_to_decide: int | None
    per_seed: SeedValues

    def mirrored(self) -> Contrast:
        """The same contrast, other minus candidate."""
        return replace(
            self,
            estimate=-self.estimate,
            low=-self.high,
            high=-self.low,
            lower_bound=-self.upper_bound,
            upper_bound=-self.lower_bound,
            per_seed={seed: -value for seed, value in self.per_seed.items()},
        )


def contrast(values: SeedValues, delta: float, test: Test) -> Contrast:
    """The contrast of one endpoint, p_holm not yet known."""
    found = np.array(list(values.values()), float)
    about = interval(found, test.confidence)
    lower, upper = bounds(found, test.confidence)
    return Contrast(
        estimate=about.mean,
        low=about.low,
        high=about.high,
        lower_bound=lower,
        upper_bound=upper,
        p=p_value(found),
        p_holm=float("nan"),
        n=about.n,
        delta=delta,
        n_to_decide=n_to_decide(found, delta, test),
        per_seed=values,
    )


def contrasts(
    of_endpoint: Mapping[str, SeedValues], deltas: Mapping[str, float], rule: settings.Verdict
) -> dict[str, Contrast]:
    """The contrast of every endpoint and of skill_A1, which Holm leaves out."""
    test = Test(rule.confidence, rule.alpha, len(ENDPOINTS))
    found = {name: contrast(v, deltas[name], test) for name, v in of_endpoint.items()}
    adjusted = holm(np.array([found[name].p for name in ENDPOINTS]))
    for name, p in zip(ENDPOINTS, adjusted, strict=True):
        found[name] = replace(found[name], p_holm=float(p))
    return found


def is_superior(one: Contrast, alpha: float) -> bool:
    """Whether the candidate wins by more than the margin; False where anything is NA."""
    return one.upper_bound < -one.delta and one.p_holm < alpha


def is_not_inferior(one: Contrast, alpha: float) -> bool:
    """Whether the candidate wins, or does not lose by the margin; False where anything is NA."""
    return is_superior(one, alpha) or one.upper_bound < one.delta


def is_comparable(one: Contrast) -> bool:
    """Whether the two-sided interval lies within the margin; False where anything is NA."""
    return -one.delta <= one.low and one.high <= one.delta


def write(metrics: Mapping[str, Any], rule: settings.Verdict, path: Path) -> None:
    """Write the contrasts of the candidate with the baseline, then with all others that ran.

    One row per contrast and endpoint: those of the rule's own contrast decide, the others are
    exploratory.
    """
    ran = in_order(set(metrics["methods"]) - {rule.candidate, rule.baseline, PERSISTENCE})
    rows = []
    for other in (rule.baseline, *ran):
        pair = (rule.candidate, other)
        deltas = margins(metrics, *pair, rule)
        found = contrasts(differences(metrics["runs"], *pair), deltas, rule)
        rows += [_row(pair, name, found[name]) for name in ENDPOINTS]
    columns = ["contrast", "endpoint", *NUMBERS, *(f"seed{seed}" for seed in metrics["seeds"])]
    with files.atomic(path) as part:
        pd.DataFrame(rows, columns=columns).to_csv(part, index=False, lineterminator="\n")


def _row(pair: tuple[str, str], endpoint: str, one: Contrast) -> dict[str, Any]:
    values = asdict(one)
    seeds = {f"seed{seed}": value for seed, value in one.per_seed.items()}
    name = " - ".join(pair)
    return {"contrast": name, "endpoint": endpoint, **{n: values[n] for n in NUMBERS}, **seeds}
