"""nn.Linear on the faster of the two matrix products that torch has for a CPU.

Float32 on a CPU goes to MKL, which on AMD machines is slower than oneDNN. Torch ships that, too,
and uses it for other types; forward and backward are the same three products, in full float32.
benchmarks/ has the training steps with and without. Everything else (GPU, autocast, other types,
torch.compile, a torch without the operator) is nn.Linear itself.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Linear(nn.Linear):
    """x W^T + b, with nn.Linear's parameters and numbers (to the order of summation)."""

    def forward(self, x: Float[Tensor, "*b i"]) -> Float[Tensor, "*b o"]:
        """Apply the layer over the last axis."""
        if not _is_served(x, self.weight):
            return super().forward(x)
        return _OneDnnLinear.apply(x.flatten(0, -2), self.weight, self.bias).unflatten(
            0, x.shape[:-1]
        )


def _is_served(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.ndim > 1
        and x.numel() > 0
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weight^T + bias."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _OneDnnLinear(torch.autograd.Function):
    """The operator has no gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if by_x else None,
            _product(gradient.t(), x.t()) if by_weight else None,
            gradient.sum(0) if by_bias else None,
        )
