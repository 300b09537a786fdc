"""Intervals, tests and margins over seeds; bootstraps within streams.

The unit of replication is the training seed: a value of a seed is a mean over its orders and
clips, paired (candidate minus other on the same clips). Clips are not a sample: they share
physics within an episode and are bootstrapped in blocks.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Test:
    """Level of the one-sided bounds, and of the tests after Holm over some endpoints."""

    confidence: float
    alpha: float
    endpoints: int


@dataclass(frozen=True)
class Interval:
    """A mean with its two-sided interval and the number of values; NaN is NA."""

    mean: float
    low: float
    high: float
    n: int


def interval(values: np.ndarray, confidence: float) -> Interval:
    """Student t interval of the mean: mean -/+ t_{(1 + confidence) / 2, n - 1} s / sqrt(n).

    NaN values (NA) drop out and do not count in n; inf (diverged) stays and makes the mean
    infinite. n = 0 has no mean, n = 1 no interval. At n = 3 to 20 it covers what it promises,
    where bootstraps do not.
    """
    kept = values[~np.isnan(values)]
    n = int(kept.size)
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    with np.errstate(invalid="ignore"):
        mean = float(kept.mean())
    if n == 1 or not np.isfinite(mean):
        return Interval(mean, float("nan"), float("nan"), n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * kept.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def bounds(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """One-sided lower and upper bound of the mean, each at `confidence`, as `interval` else.

    They are the ends of the two-sided interval at 2 confidence - 1, so a confidence above 0.5.
    """
    found = interval(values, 2 * confidence - 1)
    return found.low, found.high


def p_value(values: np.ndarray) -> float:
    """Two-sided p of the paired t test that the mean is 0; NA without an interval."""
    found = interval(values, 0.5)
    if not np.isfinite(found.high):
        return float("nan")
    error = float(np.nanstd(values, ddof=1)) / np.sqrt(found.n)
    if error == 0:
        return float(found.mean == 0)
    return float(2 * stats.t.sf(abs(found.mean) / error, found.n - 1))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p: max over j <= i of min(1, (m - j + 1) p_(j)), ascending.

    NaN stays NaN and counts in m: an endpoint without a value is no reason for a milder test.
    """
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(scaled)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def placebo_margin(differences: Sequence[np.ndarray], quantile: float) -> float:
    """delta: the `quantile` of |D_i - D_j| over all pairs of orders i < j of a seed, all seeds.

    D is the difference of an endpoint, candidate minus other, in one order of a stream without a
    change of domain, where no method has anything to win; one array of orders per seed, so that a
    difference between two base models is not noise. NA where a run is NA or no seed has two
    orders; inf where a run diverged.
    """
    pairs = [one - other for seed in differences for one, other in itertools.combinations(seed, 2)]
    if not pairs or any(np.isnan(seed).any() for seed in differences):
        return float("nan")
    if any(np.isinf(seed).any() for seed in differences):
        return float("inf")
    return float(np.quantile(np.abs(pairs), quantile))


def n_to_decide(values: np.ndarray, margin: float, test: Test) -> int | None:
    """Smallest n at which this mean and this s would be superior.

    |mean| - t_{confidence, n - 1} s / sqrt(n) > margin, and p < alpha after Holm if the other
    endpoints are no clearer: p * endpoints < alpha. None where |mean| is within the margin, where
    there is no s, or above 1000 seeds.
    """
    found = interval(values, test.confidence)
    if not np.isfinite([found.high, margin]).all():
        return None
    s = np.nanstd(values, ddof=1)
    enough = abs(found.mean) - _half_widths(test.confidence) * s > margin
    enough &= abs(found.mean) > _half_widths(1 - test.alpha / (2 * test.endpoints)) * s
    return int(np.flatnonzero(enough)[0]) + 2 if enough.any() else None


@functools.cache
def _half_widths(confidence: float) -> np.ndarray:
    """t_{confidence, n - 1} / sqrt(n) for n = 2, 3, ..."""
    n = np.arange(2, MOST_SEEDS + 1)
    return stats.t.ppf(confidence, n - 1) / np.sqrt(n)


def block_bootstrap(
    values: np.ndarray, block: int, draws: int, confidence: float, generator: np.random.Generator
) -> Interval:
    """Percentile interval of the mean over the clips of one stream: values [K].

    Clips are drawn in circular blocks of `block` in a row: single clips would cover 48 to 69 % of
    95 where neighbours are alike. NaN clips drop out; n is the number of blocks in a draw.
    """
    means = _block_means(values, block, draws, generator)
    blocks = -(-len(values) // block)
    return _percentiles(float(np.nanmean(values)), means, confidence, blocks)


def hierarchical_bootstrap(
    values: np.ndarray, block: int, draws: int, confidence: float, generator: np.random.Generator
) -> Interval:
    """Percentile interval of the mean over seeds and clips: values [S, K], S seeds.

    Every draw takes S seeds with replacement, and of each the mean over circular blocks of clips.
    For bands of curves and not for the verdict: with 5 seeds it covers 84 % of 95, with 20 93 %.
    """
    seeds = len(values)
    drawn = [_block_means(row, block, (draws, seeds), generator) for row in values]
    chosen = generator.integers(seeds, size=(draws, seeds))
    means = np.take_along_axis(np.stack(drawn), chosen[None], axis=0)[0].mean(axis=1)
    centre = float(np.mean([np.nanmean(row) for row in values]))
    return _percentiles(centre, means, confidence, seeds)


def _block_means(
    values: np.ndarray, block: int, size: int | tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """Means over ceil(K / block) circular blocks of values [K], one for each entry of `size`."""
    shape = (size,) if isinstance(size, int) else size
    starts = generator.integers(len(values), size=(*shape, -(-len(values) // block)))
    held = ~np.isnan(values)
    sums = (_circular_sums(part, block) for part in (np.where(held, values, 0.0), held))
    total, count = (part[starts].sum(axis=-1) for part in sums)
    return np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)


def _circular_sums(values: np.ndarray, block: int) -> np.ndarray:
    """Sum over the `block` values that start at each of the K, going round."""
    steps = np.arange(len(values))[:, None] + np.arange(block)
    return values[steps % len(values)].sum(axis=1)


def _percentiles(centre: float, means: np.ndarray, confidence: float, n: int) -> Interval:
    if not np.isfinite(centre):
        return Interval(centre, float("nan"), float("nan"), n)
    low, high = np.nanquantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(centre, float(low), float(high), n)
