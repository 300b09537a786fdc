"""Associative memories that a step of video writes: pure functions of explicit state.

A residual-MLP memory is M(x) = x + W1 phi(x) with phi(x) = silu(W2 x) / sqrt(h), W1 = W1_0 + Delta
(Behrouz et al. 2025, eq. 83-91: M(x) = x + W1 sigma(W2 x)). W1_0 and W2 are meta-learned
parameters, only Delta is state. A step of S tokens is one write, by the proximal rule: the
minimiser of sum_i w_i |M(k_i) - v_i|^2 + |Delta' - alpha Delta|^2, the derivation of delta
gradient descent (eq. 56) for a whole step at once:

    Delta' = (alpha Delta + (V - K - Phi W1_0^T)^T Omega Phi) (I + Phi^T Omega Phi)^-1

It does not depend on the order of the tokens and contracts for every w >= 0, as long as
I + Phi^T Omega Phi is positive definite in the arithmetic used (fp32: w up to about 1e5).
Axes: S tokens of a step, d head width, h = hidden width; leading axes are memories, batch, heads.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-6


def unit(x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
    """x / sqrt(|x|^2 + 1e-6): L2-normalised over the last axis, with a bounded slope at zero."""
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + EPSILON)


def features(
    x: Float[Tensor, "... S d"], inner: Float[Tensor, "... h d"]
) -> Float[Tensor, "... S h"]:
    """phi(x) = silu(W2 x) / sqrt(h). Without sqrt(h) one write erases 9/10 of the memory."""
    hidden = x @ inner.transpose(-1, -2)
    return torch.nn.functional.silu(hidden) * inner.shape[-2] ** -0.5


def recall(
    x: Float[Tensor, "... S d"],
    phi: Float[Tensor, "... S h"],
    outer: Float[Tensor, "... d h"],
) -> Float[Tensor, "... S d"]:
    """M(x) = x + W1 phi(x)."""
    return x + phi @ outer.transpose(-1, -2)


def proximal_write(
    delta: Float[Tensor, "... r h"],
    phi: Float[Tensor, "... S h"],
    error: Float[Tensor, "... S r"],
    weight: Float[Tensor, "... S"],
    retention: Float[Tensor, "..."],
) -> Float[Tensor, "... r h"]:
    """One proximal write of a memory that is linear in `phi`, for any number r of outputs.

    Args:
        delta: state before the step.
        phi: features of the keys; the keys themselves for a linear memory.
        error: targets minus what the *initial* memory answers: V - K - Phi W1_0^T.
        weight: w_i >= 0, write strength of a token.
        retention: alpha in [0, 1], applied to the old state.

    Everything runs in `delta`'s dtype (fp32 in the model), under autocast too.
    """
    with torch.autocast(phi.device.type, enabled=False):
        phi, error, weight = (part.to(delta.dtype) for part in (phi, error, weight))
        weighted = phi * weight[..., None]
        gram = phi.transpose(-1, -2) @ weighted
        identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        kept = retention.to(delta.dtype)[..., None, None] * delta
        target = kept + error.transpose(-1, -2) @ weighted
        return _SolveSpd.apply(gram + identity, target.transpose(-1, -2)).transpose(-1, -2)


class _SolveSpd(torch.autograd.Function):
    """A X = R for symmetric positive definite A, by Cholesky; one solve in the backward pass."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, right: Tensor) -> Tensor:
        factor, _ = torch.linalg.cholesky_ex(matrix)  # NaN in, NaN out: the loss reports it
        solution = torch.cholesky_solve(right, factor)
        ctx.save_for_backward(factor, solution)
        return solution

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        factor, solution = ctx.saved_tensors
        to_right = torch.cholesky_solve(gradient, factor)
        return -to_right @ solution.transpose(-1, -2), to_right


def surprise(
    error: Float[Tensor, "... S d"],
    phi: Float[Tensor, "... S h"],
    delta: Float[Tensor, "... d h"],
) -> Float[Tensor, "... S"]:
    """r_i = |M(k_i) - v_i|^2, from the initial memory's error: 0 where the pair is known."""
    left = error - phi @ delta.transpose(-1, -2)
    return (left * left).sum(-1)


def openness(
    surprised: Float[Tensor, "... S"], threshold: Float[Tensor, "..."], kind: str
) -> Float[Tensor, "... S"]:
    """Surprise gate: `soft` sigmoid((log r / 2 - tau) / 0.25), `hard` its step, `off` 1."""
    if kind == "off":
        return torch.ones_like(surprised)
    excess = 0.5 * torch.log(surprised + EPSILON) - threshold[..., None]
    return torch.sigmoid(excess / 0.25) if kind == "soft" else (excess > 0).to(surprised.dtype)
