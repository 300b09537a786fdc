"""How much of the future is in the latents before the push? A linear probe for each encoder mode.

From z_1 ... z_t, all before the push, ridge regression reads what happens after it: the object's
displacement y over the clip, and the domain (+1 for B, -1 for A, by the sign of the score).

    R2 = 1 - sum |y - f(z_1 ... z_t)|^2 / sum |y - m|^2,      m: mean y of the training clips

over clips that are held out, whole episodes at a time; the penalty is chosen on the training clips
alone, by leaving out their episodes. R2 is 0 at chance, for m is what a probe without evidence
says. The accuracy is 1/2 at chance, and exactly so where the features of a pair are equal bit for
bit: equal features get one score, which is right for one clip of the pair and wrong for the other,
and a score of 0 is half right for both. What the object's first position alone tells stands
beside: pushes that would leave the view are redrawn, so an object at the edge goes inwards a
little more often.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hopeworld.probing import ridge
from hopeworld.probing.pairs import Pairs, Paths, Seen, read_pairs, see_latents, see_starts
from hopeworld.progress import Progress

START = "start_position"
DISPLACEMENT, DOMAIN = "displacement", "domain"
CHANCE = {DISPLACEMENT: 0.0, DOMAIN: 0.5}
RIDGES = tuple(10.0**power for power in range(-7, 5))
"""In units of the mean eigenvalue of the kernel; the last one learns nothing."""
SEED = 20260101


@dataclass(frozen=True)
class Scoring:
    """How probes are held out and their intervals drawn."""

    folds: int  # of whole episodes
    confidence: float
    draws: int  # of the bootstrap over episodes


@dataclass(frozen=True)
class Missed:
    """What a probe misses of every held-out clip, and all that there was: two float64 [n].

    The score is 1 - sum(part) / sum(whole).
    """

    part: np.ndarray
    whole: np.ndarray


def measure(
    tables: Mapping[str, Paths], features: Mapping[str, Mapping[str, Paths]], scoring: Scoring
) -> pd.DataFrame:
    """Probe every mode; tables by domain (A and B), feature shards by mode and domain.

    Columns mode (or `start_position`), target, t (latents seen), value, low, high, clips,
    equal_pairs (share of pairs whose features agree bit for bit), chance. NaN values where a fold
    leaves fewer than two episodes that rest for t latents.
    """
    pairs = read_pairs(tables["A"], tables["B"])
    last = int(pairs.at_rest.max())
    total = len(features) * last
    rows = [row for t in range(1, last + 1) for row in _rows(pairs, see_starts(pairs, t), scoring)]
    found = [row | {"mode": START} for row in rows]
    progress = Progress("leakage", total, "latents")
    for mode, shards in features.items():
        for seen in see_latents(pairs, shards["A"], shards["B"]):
            rows = list(_rows(pairs, seen, scoring))
            found += [row | {"mode": mode} for row in rows]
            said = ", ".join(f"{row['target']} {row['value']:.3f}" for row in rows)
            progress.say(f"{mode}, t = {seen.steps}: {said}")
            progress.count()
    table = pd.DataFrame(found)
    return table[["mode", *table.columns.drop("mode")]]


def _rows(pairs: Pairs, seen: Seen, scoring: Scoring) -> Iterator[dict]:
    about = {"clips": len(seen.rows), "equal_pairs": float(seen.equal.mean())}
    for target, probe in {DISPLACEMENT: probe_displacement, DOMAIN: probe_domain}.items():
        missed = probe(pairs, seen, scoring.folds)
        value, low, high = interval(missed, pairs.episode[seen.rows], scoring)
        scores = {"value": value, "low": low, "high": high}
        yield {"target": target, "t": seen.steps, **scores, **about, "chance": CHANCE[target]}


def probe_displacement(pairs: Pairs, seen: Seen, folds: int) -> Missed:
    """Squared errors of the displacement, square metres, of the probe and of the training mean."""
    wanted = pairs.displacement[seen.rows]
    predicted, mean = held_out(seen.kernel, wanted, pairs.episode[seen.rows], folds)
    return Missed(np.square(wanted - predicted).sum(1), np.square(wanted - mean).sum(1))


def probe_domain(pairs: Pairs, seen: Seen, folds: int) -> Missed:
    """Which clips are put into the wrong domain: 1, and 1/2 for a score of exactly 0."""
    sign = np.where(pairs.is_b[seen.rows], 1.0, -1.0)
    predicted, _ = held_out(seen.kernel, sign[:, None], pairs.episode[seen.rows], folds)
    # Rounding may depend on a clip's place in the kernel: equal features get one score.
    of_a = np.tile(predicted[: len(sign) // 2, 0], 2)
    score = np.where(seen.equal, of_a, predicted[:, 0])
    return Missed(np.heaviside(-score * sign, 0.5), np.ones(len(sign)))


def held_out(
    kernel: np.ndarray, wanted: np.ndarray, episode: np.ndarray, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a probe of the other folds says of every clip, and their mean: two float64 [n, k].

    kernel: [n, n].   wanted: [n, k].   episode: [n]; its clips are held out together. NaN where
    fewer than two episodes are left to learn from and to choose the penalty by.
    """
    names, number = np.unique(episode, return_inverse=True)
    predicted, mean = np.full_like(wanted, np.nan), np.full_like(wanted, np.nan)
    for fold in range(min(folds, len(names))):
        out = number % folds == fold
        if len(np.unique(number[~out])) > 1:
            mean[out] = wanted[~out].mean(0)
            predicted[out] = mean[out] + _predict(kernel, wanted[~out], episode[~out], out)
    return predicted, mean


def _predict(
    kernel: np.ndarray, wanted: np.ndarray, episode: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """What the others say of the clips `out`, beyond their own mean: [clips out, k]."""
    own, other = kernel[np.ix_(~out, ~out)], kernel[np.ix_(out, ~out)]
    mean = own.mean(0)
    own = own - mean - mean[:, None] + mean.mean()
    other = other - mean - other.mean(1, keepdims=True) + mean.mean()
    return other @ ridge.solve(own, wanted - wanted.mean(0), episode, RIDGES).weights


def interval(missed: Missed, episode: np.ndarray, scoring: Scoring) -> tuple[float, float, float]:
    """The score with its percentile interval over episodes drawn with replacement.

    The same draws for every mode. It holds the fitted probes as they are. NaN where a clip has no
    probe.
    """
    names, number = np.unique(episode, return_inverse=True)
    part, whole = (np.bincount(number, weights=column) for column in vars(missed).values())
    if np.isnan(part).any():
        return math.nan, math.nan, math.nan
    even = np.full(len(names), 1 / len(names))
    weights = np.random.default_rng(SEED).multinomial(len(names), even, scoring.draws)
    tail = (1 - scoring.confidence) / 2
    low, high = np.quantile(1 - (weights @ part) / (weights @ whole), [tail, 1 - tail])
    return float(1 - part.sum() / whole.sum()), float(low), float(high)
