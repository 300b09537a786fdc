"""The metrics of an A-B-A stream as pure functions of numpy arrays.

Losses are L1 in LayerNorm space, scored before the update; lower is better. L is the loss of a
clip, L0 that of the frozen twin on the same clip, P that of persistence, g = L0 - L the gain.
Arrays hold one value per clip in stream order. NaN marks a clip without patches of the region and
drops out; inf marks a loss that diverged and stays. "NA" is returned as NaN, never as 0.
Legend of axes: K clips, T transitions, H horizons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression, least_squares

from hopeworld.evaluation.statistics import interval

SHORTEST_HALF_LIFE = 0.1
LONGEST_HALF_LIFE = 16.0
# Below it the direction of a displacement is that of the simulator's jitter.
SMALLEST_DISPLACEMENT_M = 1e-3


@dataclass(frozen=True)
class Duration:
    """A number of clips; `censored` says that it is only a lower bound, NaN clips mean NA."""

    clips: float
    censored: bool


NOT_DEFINED = Duration(float("nan"), False)


def clip_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the transitions of each clip: [K, T] -> [K]; NaN where no transition counts."""
    present = ~np.isnan(values)
    total = np.where(present, values, 0.0).sum(axis=1)
    count = present.sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def mean(values: np.ndarray) -> float:
    """Mean over the clips that count; NaN where there is none."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def skill(loss: np.ndarray, persistence: np.ndarray) -> float:
    """S = 1 - sum L / sum P, a ratio of sums; no unit, higher is better.

    1 is a perfect prediction, 0 is persistence, below 0 is worse. NA where sum P is not > 0.
    """
    return 1.0 - _ratio_of_sums(loss, persistence)


def domain_gap(skill_a: float, skill_b: float) -> float:
    """Skill on A1 minus skill on B of the frozen twin; skill points, > 0: there is a shift.

    A difference of losses would not do: B moves farther, so its losses are larger anyway.
    """
    return skill_a - skill_b


def domain_gap_matched(
    a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray], bins: int
) -> float:
    """Skill on A1 minus skill on B of the frozen twin at equal motion; skill points, > 0: a shift.

    sum_i w_i (S_A,i - S_B,i) / sum_i w_i over the bins i of motion, S_X,i = 1 - sum L0 / sum P of
    the transitions of X in bin i, w_i = n_A,i n_B,i / (n_A,i + n_B,i). The bins are quantiles of
    the pooled persistence of the transitions that move (P > 0). B moves farther, and A holds
    transitions at rest, where persistence is exact and any predictor loses: so the plain gap is
    negative even where B is harder at the same motion. NA if no bin has transitions of both.

    Args:
        a, b: loss of the frozen twin and persistence of every transition of A1 and of B, any shape.
        bins: number of bins; 1 only drops the transitions at rest.
    """
    moving = [_moving(*phase) for phase in (a, b)]
    pooled = np.concatenate([persistence for _, persistence in moving])
    if not pooled.size:
        return float("nan")
    edges = np.quantile(pooled, np.linspace(0, 1, bins + 1)[1:-1])
    gaps, weights = [], []
    for index in range(bins):
        (loss_a, copy_a), (loss_b, copy_b) = (_in_bin(*phase, edges, index) for phase in moving)
        if len(copy_a) and len(copy_b):
            gaps.append(domain_gap(skill(loss_a, copy_a), skill(loss_b, copy_b)))
            weights.append(len(copy_a) * len(copy_b) / (len(copy_a) + len(copy_b)))
    return float(np.average(gaps, weights=weights)) if gaps else float("nan")


def _moving(loss: np.ndarray, persistence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and persistence of the transitions that count and move, flat."""
    counts = (persistence > 0) & ~np.isnan(loss)
    return loss[counts], persistence[counts]


def _in_bin(
    loss: np.ndarray, persistence: np.ndarray, edges: np.ndarray, index: int
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.searchsorted(edges, persistence, side="right") == index
    return loss[rows], persistence[rows]


def oracle_gain(frozen: np.ndarray, oracle: np.ndarray) -> float:
    """Mean of L0 - L* over B, L* of a predictor trained on B; loss units, > 0: can be adapted to.

    Not above 0, nothing in B was there to be learnt, or the oracle is no oracle.
    """
    return mean(frozen - oracle)


def adaptation_gain(gain: np.ndarray) -> float:
    """Mean of g over B; loss units, + means that adapting helped."""
    return mean(gain)


def net_gain(gain: float, placebo: float) -> float:
    """Mean g over B minus mean g over the second phase of A-A-A; loss units, + adapted to B.

    What a method also gains without any change of domain is longer training, not adaptation.
    NA where either is.
    """
    return gain - placebo


def asymptotic_gain(gain: np.ndarray, share: float) -> float:
    """Mean of g over the last `share` of B; loss units, + means that adapting helped."""
    return mean(last_part(gain, share))


def recovered_gap(gain: np.ndarray, frozen_a1: float, frozen_b: float, share: float) -> float:
    """Late gain over the frozen twin's excess loss in B; no unit, 1 = B has become as easy as A.

    (mean g over the last `share` of B) / (mean L0 in B - mean L0 in A1). Not clipped: below 0 and
    above 1 do occur. NA where the excess is not > 0: then there is nothing to recover. The excess
    is of losses, so it also holds that B moves farther; whether B is harder *relative to what
    moves* is the domain gap.
    """
    excess = frozen_b - frozen_a1
    return asymptotic_gain(gain, share) / excess if excess > 0 else float("nan")


def half_life(gain: np.ndarray, block_clips: int, confidence: float) -> Duration:
    """Half-life h of g_k = G (1 - 2^(-(k - n1) / h)) over B; clips, lower is faster.

    `gain` holds g of every clip of B, so the first has k - n1 = 1. NA unless the gain is positive
    (`is_positive`) and the fitted G is > 0: a null stream has no speed. Censored at the length of
    B where h is longer than B. Below about one clip h says only "within the first clip".
    """
    if not is_positive(gain, block_clips, confidence):
        return NOT_DEFINED
    asymptote, clips = fit_saturation(gain)
    if not asymptote > 0:
        return NOT_DEFINED
    return Duration(min(clips, float(len(gain))), clips > len(gain))


def is_positive(gain: np.ndarray, block_clips: int, confidence: float) -> bool:
    """Whether the t interval over blocks of `block_clips` clips excludes 0 from below.

    Clips of an episode share their physics, so blocks and not clips are the sample. False with
    fewer than two blocks.
    """
    blocks = [mean(gain[i : i + block_clips]) for i in range(0, len(gain), block_clips)]
    return interval(np.array(blocks), confidence).low > 0


def fit_saturation(gain: np.ndarray) -> tuple[float, float]:
    """Least-squares (G, h) of g_k = G (1 - 2^(-(k - n1) / h)): loss units, clips.

    G is linear and is eliminated, so the fit is over log h alone; h stays between 0.1 clips and
    16 times the length of `gain`, where the curve is a step or a straight line. NaN for fewer than
    three clips that count.
    """
    counts = np.isfinite(gain)
    if counts.sum() < 3:
        return float("nan"), float("nan")
    exposure, gain, longest = np.arange(1, len(gain) + 1)[counts], gain[counts], len(gain)

    def residual(log_h: np.ndarray) -> np.ndarray:
        rise = _rise(exposure, log_h)
        return gain - rise * (rise @ gain) / (rise @ rise)

    bounds = np.log([SHORTEST_HALF_LIFE, LONGEST_HALF_LIFE * longest])
    starts = np.linspace(*bounds, 16)[1:-1]
    start = min(starts, key=lambda s: float((residual(s) ** 2).sum()))
    log_h = least_squares(residual, start, bounds=bounds, x_scale=0.1, xtol=1e-10).x
    rise = _rise(exposure, log_h)
    return float(rise @ gain / (rise @ rise)), float(np.exp(log_h[0]))


def _rise(exposure: np.ndarray, log_h: np.ndarray) -> np.ndarray:
    return -np.expm1(-np.log(2.0) * exposure / np.exp(log_h))


def clips_to_gain(gain: np.ndarray, fraction: float, asymptote: float) -> Duration:
    """First clip of B (from 1) where the isotonic fit of g reaches `fraction` of `asymptote`.

    NA where the asymptote is not > 0; censored at the length of B where it is never reached.
    """
    if not asymptote > 0:
        return NOT_DEFINED
    counts = np.flatnonzero(~np.isnan(gain))
    fit = isotonic_regression(gain[counts], increasing=True).x
    reached = counts[fit >= fraction * asymptote]
    if reached.size == 0:
        return Duration(float(len(gain)), True)
    return Duration(float(reached[0] + 1), False)


def forgetting(before: float, after: float) -> float:
    """F = R_n2,A - R_n1,A: probe loss on A after B minus before B; loss units, + means forgot."""
    return after - before


def forgetting_rate(before: float, after: float, persistence: float) -> float:
    """F / (P_A - R_n1,A): share of the skill on A that B destroyed; no unit, + means forgot.

    1 means no better than persistence, below 0 that B helped A. NA where there was no skill to
    forget (P_A - R_n1,A not > 0).
    """
    learnt = persistence - before
    return forgetting(before, after) / learnt if learnt > 0 else float("nan")


def per_100_clips(rate: float, clips: int) -> float:
    """The rate per 100 clips of B, to compare streams of different length."""
    return 100.0 * rate / clips if clips else float("nan")


def stream_forgetting(excess: np.ndarray, clips: int) -> float:
    """Mean of L - L0 over the first `clips` of A2; loss units, + is worse than never adapting."""
    return mean(excess[:clips])


def recovery(excess: np.ndarray, margin: float) -> Duration:
    """Clips of A2 before L - L0 stays at or below `margin` (loss units); lower is better.

    "Stays" is read off the non-increasing isotonic fit, so one noisy clip neither ends nor
    prolongs it. 0: from the first clip on. Censored at the length of A2 where it never does.
    """
    counts = np.flatnonzero(~np.isnan(excess))
    if counts.size == 0 or not np.isfinite(margin):
        return NOT_DEFINED
    fit = isotonic_regression(excess[counts], increasing=False).x
    below = counts[fit <= margin]
    if below.size == 0:
        return Duration(float(len(excess)), True)
    return Duration(float(below[0]) if fit[0] > margin else 0.0, False)


def savings(first: np.ndarray, again: np.ndarray, clips: int) -> float:
    """Mean of g over the first `clips` of B2 minus that of B; loss units, + relearnt faster.

    Of a stream A-B-A-B: g of B and of its return. NA where either has no clip that counts.
    """
    return mean(again[:clips]) - mean(first[:clips])


def final_loss(loss: np.ndarray, share: float) -> float:
    """Mean of L over the last `share` of a phase; loss units, lower is better."""
    return mean(last_part(loss, share))


def rollout_curve(loss: np.ndarray) -> np.ndarray:
    """Mean loss of free rollouts by horizon: [K, H] -> [H]; lower is better."""
    return clip_mean(loss.T)


def anytime_loss(loss_b: np.ndarray, loss_a2: np.ndarray) -> float:
    """Mean of L over B and A2 together; loss units, lower is better."""
    return mean(np.concatenate([loss_b, loss_a2]))


def collapsed(loss: np.ndarray, frozen: np.ndarray, ratio: float, clips: int) -> bool:
    """Whether a run broke down: a loss that is inf, or mean L > `ratio` mean L0 over a window.

    The window is any `clips` clips in a row, the whole stream where it is shorter; clips without
    patches drop out of both means. False where no clip counts.
    """
    if np.isinf(loss).any() or not len(loss):
        return bool(len(loss))
    counts = ~(np.isnan(loss) | np.isnan(frozen))
    excess = np.where(counts, loss - ratio * frozen, 0.0)
    return bool((np.convolve(excess, np.ones(min(clips, len(loss))), "valid") > 0).any())


def centre_error(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean distance of the decoded centre from the true one by horizon; m, lower is better.

    |c_H - c*_H|, both [K, H, 2] (x, y) in metres -> [H]. NaN clips drop out; NA where none counts.
    """
    return clip_mean(np.linalg.norm(predicted - true, axis=-1).T)


def centre_overshoot(predicted: np.ndarray, true: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Mean error of the decoded centre along the true way from z_0 by horizon; m, + overshoots.

    (c_H - c*_H) . u_H with u_H = (c*_H - c_0) / |c*_H - c_0|; predicted, true [K, H, 2] and start
    [K, 2] in metres -> [H]. - is an object that stops too early: a predictor of A in a B with less
    friction. Clips that moved less than a millimetre have no direction and drop out; NA where
    none is left.
    """
    way = true - start[:, None]
    length = np.linalg.norm(way, axis=-1)
    along = ((predicted - true) * way).sum(axis=-1)
    moved = length >= SMALLEST_DISPLACEMENT_M
    error = np.divide(along, length, out=np.full(length.shape, np.nan), where=moved)
    return clip_mean(error.T)


def usefulness(reset: np.ndarray, carried: np.ndarray) -> float:
    """Mean of L(reset) - L(carried) on the same clips; loss units, + the carried state helps.

    L(reset) is the loss of the same model with its memory back at the start. A clip where both
    diverged says nothing and drops out.
    """
    with np.errstate(invalid="ignore"):
        return mean(reset - carried)


def last_part(values: np.ndarray, share: float) -> np.ndarray:
    """The last `share` of the clips of a phase, rounded up: never none."""
    count = int(np.ceil(share * len(values) - 1e-9))
    return values[len(values) - count :]


def _ratio_of_sums(numerator: np.ndarray, denominator: np.ndarray) -> float:
    counts = ~(np.isnan(numerator) | np.isnan(denominator))
    total = float(denominator[counts].sum())
    return float(numerator[counts].sum()) / total if total > 0 else float("nan")
