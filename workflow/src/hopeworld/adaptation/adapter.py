"""What may change while a stream runs, and how.

TTA as the thesis defines it: every LayerNorm's scale and shift and nothing else, one Adam step per
observed latent on L1(prediction, observation). HOPE's own learning is not here: it is the model's
`observe` and the writes of its memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.predictor import Predictor
from hopeworld.settings import Method


@dataclass(frozen=True)
class Update:
    """One TTA step: gradient norm before clipping (NaN without a step), and whether it clipped."""

    grad_norm: float
    clipped: bool


class Adapter:
    """Freezes a predictor but for the parameters that a method adapts, and steps those.

    Args:
        predictor: changed in place: eval mode, gradients only where the method adapts.
        clip_norm: bound on the norm of the gradient.
    """

    def __init__(self, predictor: Predictor, method: Method, clip_norm: float):
        self.clip_norm = clip_norm
        predictor.eval().requires_grad_(False)
        self.parameters = adapted_parameters(predictor) if method.adapt == "layer_norm" else []
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.trained = [parameter.detach().clone() for parameter in self.parameters]
        self.optimiser = (
            torch.optim.Adam(self.parameters, lr=method.learning_rate) if self.parameters else None
        )

    def adapt(self, prediction: Float[Tensor, "B P D"], truth: Float[Tensor, "B P D"]) -> Update:
        """One step on L1(prediction, truth); the prediction must still hold its graph."""
        if self.optimiser is None:
            return Update(math.nan, False)
        self.optimiser.zero_grad()
        (prediction - truth).abs().mean().backward()
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.clip_norm))
        self.optimiser.step()
        return Update(norm, norm > self.clip_norm)

    def drift(self) -> float:
        """Distance of the adapted parameters from the trained ones over their norm; NaN if none."""
        if not self.parameters:
            return math.nan
        pairs = zip(self.parameters, self.trained, strict=True)
        moved = sum(float((p.detach() - t).square().sum()) for p, t in pairs)
        return math.sqrt(moved / sum(float(t.square().sum()) for t in self.trained))


def adapted_parameters(predictor: Predictor) -> list[nn.Parameter]:
    """Scale and shift of every LayerNorm, 2 C (2 depth + 1) scalars for ViT-AC."""
    norms = [part for part in predictor.modules() if isinstance(part, nn.LayerNorm)]
    return [parameter for norm in norms for parameter in norm.parameters()]
