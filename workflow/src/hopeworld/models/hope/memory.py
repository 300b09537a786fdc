"""Associative memories that a step of video writes, and the rules that write them.

A memory answers M(x) = base(x) + W phi(x), W = W_0 + Delta. W_0 is a meta-learned parameter, only
Delta is state. The residual MLP (Behrouz et al. 2025, eq. 89) has base(x) = x and
phi(x) = silu(W2 x) / sqrt(h); the linear memory has base(x) = 0 and phi(x) = x.
Derivations and figures: docs/method.md, section 3.2.

A step of S tokens is one write. With Omega = diag(w), U = V - M_0(K) what the initial memory gets
wrong, and G(D) = -(U - Phi D^T)^T Omega Phi the gradient of sum_i w_i |M(k_i) - v_i|^2 / 2:

    proximal   Delta' = (alpha Delta + U^T Omega Phi) (I + Phi^T Omega Phi)^-1
    delta      Delta' = alpha Delta - G(alpha Delta)
    dgd        W'     = alpha W - W Phi^T Omega Phi - G(Delta),   Delta' = W' - W_0

proximal minimises sum_i w_i |M(k_i) - v_i|^2 + |Delta' - alpha Delta|^2, the derivation of delta
gradient descent (eq. 56) for a whole step: it does not depend on the order of the tokens and
contracts for every w >= 0. Its relative error is that of the arithmetic times the largest
eigenvalue of I + Phi^T Omega Phi (the diagnostic lambda_max); where the factorisation fails, the
answer is NaN. delta is its explicit form, a gated delta rule (eq. 92, with the
sign of the gradient). dgd is the formula of eq. 88 and 93: the decay and the gradient both subtract
W k k^T, so a linear memory settles at v/2 on a repeated pair. The explicit rules sum over the step,
divide w by max(1, 1.1 sum w), and for an MLP replace the last factor of each product by phi / |phi|
(the decay of dgd: both) and bound the norm of G by 1.

Axes: n memories of one kind, B batch, H heads, S tokens of a step, d head width, f features (h of
an MLP, d of a linear memory), r outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

EPSILON = 1e-6


def unit(x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
    """x / sqrt(|x|^2 + 1e-6): L2-normalised over the last axis, with a bounded slope at zero."""
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + EPSILON)


@dataclass(frozen=True)
class Pairs:
    """What one step writes into a memory.

    phi: features of the keys.   error: targets minus the answers of the initial memory.
    weight: w_i >= 0.   retention: alpha in [0, 1].
    """

    phi: Float[Tensor, "n B H S f"]
    error: Float[Tensor, "n B H S r"]
    weight: Float[Tensor, "B H S"]
    retention: Float[Tensor, "B H"]

    def to(self, dtype: torch.dtype) -> Pairs:
        """The same pairs in another precision."""
        return Pairs(*(part.to(dtype) for part in vars(self).values()))


class Memory(nn.Module):
    """n memories per head that differ in their weights alone.

    Args:
        count: n; 0 makes a memory that is not there.
        heads: H.
        shape: outputs r and width d of what goes in.
        hidden: h of a residual MLP; None: linear.
        normalise: divide the features of an MLP by sqrt(h), so that one write does not replace
            most of what is there.
    """

    def __init__(
        self,
        count: int,
        heads: int,
        shape: tuple[int, int],
        hidden: int | None,
        normalise: bool = True,
    ):
        super().__init__()
        outputs, width = shape
        self.outer = nn.Parameter(torch.zeros(count, heads, outputs, hidden or width))
        self.inner = None
        if hidden is not None:
            self.inner = nn.Parameter(torch.zeros(count, heads, hidden, width))
        self.scale = hidden**-0.5 if hidden and normalise else 1.0

    def initial(self, batch: int) -> Float[Tensor, "n B H r f"]:
        """Delta = 0, in float32 at least: the memory answers with its meta-learned weights."""
        count, *rest = self.outer.shape
        dtype = torch.promote_types(self.outer.dtype, torch.float32)
        return self.outer.new_zeros(count, batch, *rest, dtype=dtype)

    def features(self, x: Float[Tensor, "n B H S d"]) -> Float[Tensor, "n B H S f"]:
        """phi(x)."""
        if self.inner is None:
            return x
        hidden = nn.functional.silu(x @ self.inner[:, None].mT)
        return hidden if self.scale == 1.0 else hidden * self.scale

    def recall(
        self,
        x: Float[Tensor, "n B H S d"],
        phi: Float[Tensor, "n B H S f"],
        delta: Float[Tensor, "n B H r f"] | None,
    ) -> Float[Tensor, "n B H S r"]:
        """M(x), from x and its features; without a delta the answer of the initial memory."""
        outer = self.outer[:, None]
        answer = phi @ (outer if delta is None else (outer + delta).to(phi.dtype)).mT
        return answer if self.inner is None else x + answer

    def write(
        self, rule: str, delta: Float[Tensor, "n B H r f"], pairs: Pairs
    ) -> Float[Tensor, "n B H r f"]:
        """Delta after the step, in delta's precision (fp32 in the model), under autocast too."""
        if not len(self.outer):
            return delta
        with torch.autocast(delta.device.type, enabled=False):
            pairs = pairs.to(delta.dtype)
            return RULES[rule](delta, pairs, self)

    def clips(
        self, rule: str, delta: Float[Tensor, "n B H r f"], pairs: Pairs
    ) -> Bool[Tensor, "n B H"] | None:
        """Whether `write` bounds the norm of G; None where it has no bound."""
        if rule == "proximal" or self.inner is None:
            return None
        kept = pairs.retention[..., None, None] * delta if rule == "delta" else delta
        gradient = _gradient(kept, pairs, _weighted(pairs, self))
        return torch.linalg.matrix_norm(gradient) > 1.0


def proximal(delta: Tensor, pairs: Pairs, memory: Memory) -> Tensor:
    """The implicit step; see the module."""
    return _Proximal.apply(delta, pairs.phi, pairs.error, pairs.weight, pairs.retention)


def explicit(delta: Tensor, pairs: Pairs, memory: Memory) -> Tensor:
    """The rule `delta`: one gradient step from the memory that retention has left."""
    kept = pairs.retention[..., None, None] * delta
    return kept - _bounded(_gradient(kept, pairs, _weighted(pairs, memory)), memory)


def literal(delta: Tensor, pairs: Pairs, memory: Memory) -> Tensor:
    """The rule `dgd`: eq. 88 and 93, which count W k k^T twice; retention towards 0."""
    initial = memory.outer.to(delta.dtype)[:, None]
    outer, weighted = initial + delta, _weighted(pairs, memory)
    answers = (pairs.phi @ outer.mT) * _inverse_norm(pairs, memory)
    kept = pairs.retention[..., None, None] * outer
    gradient = _bounded(_gradient(delta, pairs, weighted), memory)
    return kept - answers.mT @ weighted - gradient - initial


RULES: dict[str, Callable[[Tensor, Pairs, Memory], Tensor]] = {
    "proximal": proximal,
    "delta": explicit,
    "dgd": literal,
}


def _weighted(pairs: Pairs, memory: Memory) -> Float[Tensor, "n B H S f"]:
    """Omega Phi, Phi of unit rows: weights that sum to less than 1, or a step would overshoot."""
    total = pairs.weight.sum(-1, keepdim=True)
    bounded = pairs.weight / (1.1 * total).clamp_min(1.0)
    return pairs.phi * (bounded[..., None] * _inverse_norm(pairs, memory))


def _inverse_norm(pairs: Pairs, memory: Memory) -> Tensor:
    """1 / |phi| of every token, [n, B, H, S, 1]; 1 for a linear memory.

    Its keys are units, but for what the `meta` rotation does to their lengths.
    """
    if memory.inner is None:
        return pairs.phi.new_ones(())
    return torch.rsqrt((pairs.phi * pairs.phi).sum(-1, keepdim=True) + EPSILON)


def _gradient(delta: Tensor, pairs: Pairs, weighted: Tensor) -> Float[Tensor, "n B H r f"]:
    left = pairs.error - pairs.phi @ delta.mT
    return -left.mT @ weighted


def _bounded(gradient: Tensor, memory: Memory) -> Tensor:
    """Of an MLP's memories, scaled to a norm of at most 1."""
    if memory.inner is None:
        return gradient
    norm = (gradient.square().sum((-1, -2), keepdim=True) + EPSILON**2).sqrt()
    return gradient / norm.clamp_min(1.0)


def _inverse(system: Float[Tensor, "... f f"]) -> Float[Tensor, "... f f"]:
    """By Cholesky; NaN, which the loss reports, where the system is not positive definite."""
    factor, info = torch.linalg.cholesky_ex(system)
    failed = (info > 0)[..., None, None]
    identity = torch.eye(system.shape[-1], dtype=system.dtype, device=system.device)
    inverse = torch.cholesky_inverse(torch.where(failed, identity, factor))
    return inverse.masked_fill_(failed, torch.nan)


class _Proximal(torch.autograd.Function):
    """Delta' = R A^-1, R = alpha Delta + E^T Omega Phi, A = I + Phi^T Omega Phi, and its gradient.

    From D, the gradient by Delta': R* = D A^-1, A* = -(R*^T Delta' + Delta'^T R*) / 2, and with
    P = Phi R*^T, Q = Phi (2 A*):  E* = Omega P,  Phi* = Omega (E R* + Q),
    w*_i = e_i . p_i + phi_i . q_i / 2,  Delta* = alpha R*,  alpha* = <Delta, R*>.
    By hand it is one product with Phi less than autograd's, and it keeps less.
    """

    @staticmethod
    def forward(
        ctx: Any, delta: Tensor, phi: Tensor, error: Tensor, weight: Tensor, retention: Tensor
    ) -> Tensor:
        weighted = phi * weight[..., None]
        system = phi.mT @ weighted
        system.diagonal(dim1=-2, dim2=-1).add_(1.0)
        inverse = _inverse(system)
        right = torch.addcmul(error.mT @ weighted, delta, retention[..., None, None])
        written = right @ inverse
        ctx.save_for_backward(delta, phi, error, weight, retention, inverse, written)
        return written

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(gradient.device.type, enabled=False):
            return _Proximal._gradients(ctx, gradient)

    @staticmethod
    def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        delta, phi, error, weight, retention, inverse, written = ctx.saved_tensors
        to_right = gradient @ inverse
        product = to_right.mT @ written
        answers = phi @ to_right.mT
        curved = phi @ (product + product.mT)
        pulled = error @ to_right - curved
        to_weight = (error * answers).sum(-1) - 0.5 * (phi * curved).sum(-1)
        return (
            retention[..., None, None] * to_right,
            pulled * weight[..., None],
            answers * weight[..., None],
            to_weight.sum_to_size(weight.shape),
            (delta * to_right).sum((-1, -2)).sum_to_size(retention.shape),
        )


def surprise(
    phi: Float[Tensor, "n B H S f"],
    error: Float[Tensor, "n B H S r"],
    delta: Float[Tensor, "n B H r f"],
) -> Float[Tensor, "n B H S"]:
    """r_i = |M(k_i) - v_i|^2 from the error of the initial memory: 0 where the pair is known."""
    left = error - phi @ delta.mT.to(phi.dtype)
    return (left * left).sum(-1)


def openness(
    surprised: Float[Tensor, "B H S"], threshold: Float[Tensor, "H"], kind: str
) -> Float[Tensor, "B H S"]:
    """Surprise gate: `soft` sigmoid((log r / 2 - tau) / 0.25), `hard` its step, `off` 1."""
    if kind == "off":
        return torch.ones_like(surprised)
    excess = 0.5 * torch.log(surprised + EPSILON) - threshold[..., None]
    return torch.sigmoid(excess / 0.25) if kind == "soft" else (excess > 0).to(surprised.dtype)
