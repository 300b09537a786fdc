"""Does what one clip teaches tell its domain? A linear classifier on the change of the state.

Every held-out clip is learnt from alone, from the trained model, by the method's own rules. The
change of each part by the end of the clip is sketched in a few numbers,

    s_j = sum_{i: h(i) = j} sign(i) dM_i,       h, sign: fixed at random

which keeps inner products on average (count sketch, Charikar et al. 2002). Ridge regression to +1
and -1 classifies the clips of one episode, of both domains, by all others: clip i of A and clip i
of B are the same push under other physics, so both domains are left out together, chance is 1/2,
and what is told apart is the physics.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import numpy as np

WIDTH = 64
SEED = 20260101
RIDGE = 0.1
"""In units of the mean eigenvalue of the Gram matrix."""
CHANCE = 0.5


def sketch(change: np.ndarray) -> np.ndarray:
    """Random projection of a vector to `WIDTH` numbers; the same one for every length."""
    sums = np.bincount(_buckets(len(change)), weights=change, minlength=2 * WIDTH)
    return sums[:WIDTH] - sums[WIDTH:]


@functools.lru_cache(maxsize=4)
def _buckets(length: int) -> np.ndarray:
    """A bucket and a sign for every entry: the upper half counts negative."""
    return np.random.default_rng(SEED).integers(0, 2 * WIDTH, length, dtype=np.uint8)


def accuracy(features: np.ndarray, is_b: np.ndarray, episodes: np.ndarray) -> float:
    """Share of clips whose domain the others tell, one episode left out at a time; a tie is half.

    features: [clips, n].   is_b: whether a clip is of the second domain.   episodes: [clips].
    NaN for one episode, which leaves none to learn from, and where a clip made the state diverge.
    """
    if len(np.unique(episodes)) < 2 or not np.isfinite(features).all():
        return math.nan
    labels, right = np.where(is_b, 1.0, -1.0), 0.0
    for episode in np.unique(episodes):
        out = episodes == episode
        score = _classify(features[~out], labels[~out], features[out])
        right += np.heaviside(score * labels[out], 0.5).sum()
    return float(right / len(labels))


def _classify(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Dual ridge regression with an intercept."""
    mean = known.mean(0)
    centred = known - mean
    gram = centred @ centred.T
    scale = gram.trace() / len(gram)
    if not scale > 0:
        return np.full(len(asked), labels.mean())
    dual = np.linalg.solve(gram + RIDGE * scale * np.eye(len(gram)), labels - labels.mean())
    return (asked - mean) @ centred.T @ dual + labels.mean()


def wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Two-sided Wilson score interval of a share of n independent trials."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle, spread = share + z * z / (2 * n), z * z / (4 * n * n)
    half = z * math.sqrt(share * (1 - share) / n + spread)
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
