"""The equations of HOPE once more, one token at a time: the slow truth that the tests compare with.

Names and numbers are those of Behrouz et al. 2025, "Nested Learning": M a memory, k a key, v-hat a
target, eta (here w: eta times gate and scale) the strength of a write, alpha the retention.
Everything is for one head of one sample, differentiable, and in the dtype that it is given
(float64 in the tests); nothing is imported from the code that it checks.
Axes: S tokens of a step, d head width, f features, r outputs, C width, h hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor


def unit(x: Float[Tensor, "d"]) -> Float[Tensor, "d"]:
    """x / sqrt(|x|^2 + 1e-6), the L2 norm of keys, queries, values and targets."""
    return x / torch.sqrt(torch.dot(x, x) + 1e-6)


@dataclass(frozen=True)
class Cell:
    """M(x) = base(x) + (W + Delta) phi(x), one memory of one head of one sample.

    Residual MLP (section 8.1): base(x) = x, phi(x) = silu(W2 x), over sqrt(f) if `feature_norm`.
    Linear, without `inner`: base(x) = 0, phi(x) = x.
    """

    outer: Float[Tensor, "r f"]
    delta: Float[Tensor, "r f"]
    inner: Float[Tensor, "f d"] | None = None
    feature_norm: bool = True

    def features(self, x: Float[Tensor, "d"]) -> Float[Tensor, "f"]:
        """phi(x)."""
        if self.inner is None:
            return x
        hidden = self.inner @ x
        phi = hidden * torch.sigmoid(hidden)
        return phi / math.sqrt(len(phi)) if self.feature_norm else phi

    def direction(self, x: Float[Tensor, "d"]) -> Float[Tensor, "f"]:
        """n, the last factor of the explicit rules: unit features, the key of a linear memory."""
        return x if self.inner is None else unit(self.features(x))

    def initial(self, x: Float[Tensor, "d"]) -> Float[Tensor, "r"]:
        """M_0(x): the answer without what was written."""
        answer = self.outer @ self.features(x)
        return answer if self.inner is None else x + answer

    def __call__(self, x: Float[Tensor, "d"]) -> Float[Tensor, "r"]:
        """M(x)."""
        return self.initial(x) + self.delta @ self.features(x)


def write(
    rule: str,
    cell: Cell,
    keys: Float[Tensor, "S d"],
    targets: Float[Tensor, "S r"],
    strengths: Float[Tensor, "S"],
    retention: Float[Tensor, ""],
) -> Float[Tensor, "r f"]:
    """Delta after one step of S pairs (k_i, v-hat_i) by the rule of that name."""
    return RULES[rule](cell, keys, targets, strengths, retention)


def write_proximal(
    cell: Cell, keys: Tensor, targets: Tensor, strengths: Tensor, retention: Tensor
) -> Tensor:
    """The minimiser of sum_i w_i |M(k_i) - v-hat_i|^2 + |Delta' - alpha Delta|^2.

    It is eq. 56 for a whole step, by recursive least squares: from alpha Delta with unit
    covariance, one rank-one update per token (Sherman-Morrison). One unit key alone is eq. 57.
    """
    delta = retention * cell.delta
    covariance = torch.eye(delta.shape[1], dtype=delta.dtype)
    for key, target, strength in zip(keys, targets, strengths, strict=True):
        phi = cell.features(key)
        spread = covariance @ phi
        gain = strength * spread / (1 + strength * torch.dot(phi, spread))
        error = target - cell.initial(key) - delta @ phi
        delta = delta + torch.outer(error, gain)
        covariance = covariance - torch.outer(gain, spread)
    return delta


def write_dgd(
    cell: Cell, keys: Tensor, targets: Tensor, strengths: Tensor, retention: Tensor
) -> Tensor:
    """M' = M (alpha I - sum w n n^T) - grad(M), eq. 88, the gradient frozen over the step: eq. 93.

    With the squared loss of eq. 88 as its gradient, M k k^T is counted twice; kept as it is.
    """
    strengths = at_most_one(strengths)
    memory = cell.outer + cell.delta
    changed = retention * memory
    for key, strength in zip(keys, strengths, strict=True):
        direction = cell.direction(key)
        changed = changed - strength * torch.outer(memory @ direction, direction)
    return changed - clipped_gradient(cell, keys, targets, strengths) - cell.outer


def write_delta(
    cell: Cell, keys: Tensor, targets: Tensor, strengths: Tensor, retention: Tensor
) -> Tensor:
    """Delta' = alpha Delta - grad(alpha Delta): eq. 92 with the sign that makes it a descent.

    Each pair is counted once: M' = alpha M (I - w k k^T) + w v k^T for M_0 = 0 and one unit key.
    """
    kept = replace(cell, delta=retention * cell.delta)
    return kept.delta - clipped_gradient(kept, keys, targets, at_most_one(strengths))


RULES = {"proximal": write_proximal, "dgd": write_dgd, "delta": write_delta}


def at_most_one(strengths: Float[Tensor, "S"]) -> Float[Tensor, "S"]:
    """w / max(1, 1.1 sum w): summed frozen gradients of correlated keys stay a contraction."""
    return strengths / torch.clamp(1.1 * strengths.sum(), min=1.0)


def clipped_gradient(
    cell: Cell, keys: Tensor, targets: Tensor, strengths: Tensor
) -> Float[Tensor, "r f"]:
    """-sum_i w_i (v-hat_i - M(k_i)) n_i^T; of an MLP memory at most 1 in Frobenius norm."""
    total = _gradient(cell, (keys, targets, strengths), cell.direction)
    return total if cell.inner is None else clipped(total)


def clipped(gradient: Float[Tensor, "r f"]) -> Float[Tensor, "r f"]:
    """At most 1 in Frobenius norm."""
    norm = torch.linalg.vector_norm(gradient)
    return gradient / norm if norm > 1 else gradient


def inner_gradient(
    cell: Cell, keys: Tensor, targets: Tensor, strengths: Tensor
) -> Float[Tensor, "r f"]:
    """-E^T Omega Phi: gradient by Delta of 1/2 sum_i w_i |M(k_i) - v-hat_i|^2 (section 8.1)."""
    return _gradient(cell, (keys, targets, strengths), cell.features)


def _gradient(
    cell: Cell, pairs: tuple[Tensor, Tensor, Tensor], row: Callable[[Tensor], Tensor]
) -> Float[Tensor, "r f"]:
    """-sum_i w_i (v-hat_i - M(k_i)) row(k_i)^T, token by token."""
    total = torch.zeros_like(cell.delta)
    for key, target, strength in zip(*pairs, strict=True):
        total = total - strength * torch.outer(target - cell(key), row(key))
    return total


def loop(
    rule: str, memory: Tensor, keys: Tensor, values: Tensor, strengths: Tensor, retention: Tensor
) -> Float[Tensor, "r d"]:
    """`sequential`: M of a linear memory after the tokens in turn, each against the last M.

    dgd: M (a I - eta k k^T) - eta (M k - v) k^T, eq. 88.  delta: a M (I - eta k k^T) + eta v k^T.
    a = alpha^(1/S), so that a step forgets as much as by the step-wise rules.
    """
    kept = retention ** (1 / len(keys))
    for key, value, strength in zip(keys, values, strengths, strict=True):
        if rule == "dgd":
            decay = torch.outer(memory @ key, key)
            gradient = torch.outer(memory @ key - value, key)
            memory = kept * memory - strength * decay - strength * gradient
        else:
            memory = kept * memory - strength * torch.outer(kept * (memory @ key) - value, key)
    return memory


def triangular(
    rule: str, memory: Tensor, keys: Tensor, values: Tensor, strengths: Tensor, retention: Tensor
) -> Float[Tensor, "r d"]:
    """`loop` by the UT (WY) transform: one unit lower triangular solve, no loop.

    Every token adds u_i k_i^T to a M, with u_i = eta_i v_i - b_i M_{i-1} k_i; M_{i-1} holds the
    earlier u_j, so (I + L) U = R with L_ij = b_i a^(i-1-j) k_i.k_j below the diagonal.
    """
    tokens = len(keys)
    kept = retention ** (1 / tokens)
    count = 2 * strengths if rule == "dgd" else kept * strengths
    index = torch.arange(tokens)
    power = (index[:, None] - 1 - index).clamp(min=0)
    lower = torch.tril(count[:, None] * kept**power * (keys @ keys.T), -1)
    right = strengths[:, None] * values - (count * kept**index)[:, None] * (keys @ memory.T)
    identity = torch.eye(tokens, dtype=keys.dtype)
    added = torch.linalg.solve_triangular(identity + lower, right, upper=False, unitriangular=True)
    return retention * memory + (kept ** (tokens - 1 - index)[:, None] * added).T @ keys


@dataclass(frozen=True)
class Level:
    """A residual MLP of the continuum memory system (eq. 70-74) with its own LayerNorm."""

    scale: Float[Tensor, "C"]
    shift: Float[Tensor, "C"]
    inner: Float[Tensor, "h C"]
    inner_bias: Float[Tensor, "h"]
    outer: Float[Tensor, "C h"]
    outer_bias: Float[Tensor, "C"]

    def normalise(self, x: Float[Tensor, "C"]) -> Float[Tensor, "C"]:
        """LN x."""
        centred = x - x.mean()
        return self.scale * centred / torch.sqrt((centred**2).mean() + 1e-6) + self.shift

    def hidden(self, x: Float[Tensor, "C"]) -> Float[Tensor, "h"]:
        """gelu(U LN x)."""
        z = self.inner @ self.normalise(x) + self.inner_bias
        return z * 0.5 * (1 + torch.erf(z / math.sqrt(2)))

    def __call__(self, x: Float[Tensor, "C"], delta: Float[Tensor, "C h"]) -> Float[Tensor, "C"]:
        """x + (W + Delta) gelu(U LN x)."""
        return x + (self.outer + delta) @ self.hidden(x) + self.outer_bias


def level_gradient(
    level: Level, tokens: Float[Tensor, "S C"], errors: Float[Tensor, "S C"]
) -> Float[Tensor, "C h"]:
    """Gradient by Delta, given the loss's gradient by the level's output at every token."""
    total = torch.zeros_like(level.outer)
    for token, error in zip(tokens, errors, strict=True):
        total = total + torch.outer(error, level.hidden(token))
    return total


def local_gradient(
    level: Level, tokens: Float[Tensor, "S C"], delta: Float[Tensor, "C h"], gain: Tensor
) -> Float[Tensor, "C h"]:
    """Gradient by Delta of 1/2 mean |(W + Delta) h - gain * LN x|^2, h = unit(gelu(U LN x))."""
    total = torch.zeros_like(delta)
    for token in tokens:
        hidden = unit(level.hidden(token))
        error = (level.outer + delta) @ hidden - gain * level.normalise(token)
        total = total + torch.outer(error, hidden) / len(tokens)
    return total


def online_deltas(
    gradients: Float[Tensor, "n C h"], period: int, decay: float, rate: float
) -> list[Float[Tensor, "C h"]]:
    """Delta of one level after each of n transitions (eq. 70-74; decay and clip are ours)."""
    delta = total = torch.zeros_like(gradients[0])
    deltas = []
    for count, gradient in enumerate(gradients, start=1):
        total = total + gradient
        if count % period == 0:
            delta, total = updated(delta, total / period, decay, rate), torch.zeros_like(total)
        deltas.append(delta)
    return deltas


def updated(
    delta: Float[Tensor, "C h"], gradient: Float[Tensor, "C h"], decay: float, rate: float | Tensor
) -> Float[Tensor, "C h"]:
    """rho Delta - rate * gradient, the gradient clipped at norm 1."""
    return decay * delta - rate * clipped(gradient)
