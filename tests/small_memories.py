"""Small memories and layers in float64 whose every weight matters, for the laws of writing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, float64

from hopeworld.models.hope.memory import Memory, Pairs, unit
from hopeworld.models.hope.reference import Cell
from hopeworld.models.hope.titan import Titan
from hopeworld.models.rotary import Tables, rotary_tables
from hopeworld.settings import Hope
from tests.small_models import HOPE

GRID = (2, 3)
TOKENS = 7
RULES = ("proximal", "delta", "dgd")
KINDS = ("linear", "mlp")
LAYER = replace(HOPE, width=28, heads=2)


def draw(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=float64)


@dataclass(frozen=True)
class Step:
    """A memory [n, B, H] and what a step of S tokens writes into it."""

    memory: Memory
    delta: Tensor
    keys: Tensor
    targets: Tensor
    weight: Tensor
    retention: Tensor

    def written(self, rule: str) -> Tensor:
        """Delta after the step."""
        phi = self.memory.features(self.keys)
        error = self.targets - self.memory.recall(self.keys, phi, None)
        return self.memory.write(rule, self.delta, Pairs(phi, error, self.weight, self.retention))

    def cell(self, n: int, b: int, h: int) -> Cell:
        """One of the memories, for the reference."""
        inner = self.memory.inner if self.memory.inner is None else self.memory.inner[n, h]
        return Cell(self.memory.outer[n, h], self.delta[n, b, h], inner)


def small_step(kind: str, alpha: float = 0.9, tokens: int = TOKENS, seed: int = 0) -> Step:
    """Two memories, two samples and two heads, keys of width 5; the MLP has 8 features.

    The second sample is written so weakly that the explicit rules need not lower its weights.
    """
    memory = Memory(2, 2, (5, 5), None if kind == "linear" else 8).double()
    with torch.no_grad():
        for number, parameter in enumerate(memory.parameters()):
            parameter.copy_(draw(seed + number, *parameter.shape))
    return Step(
        memory=memory,
        delta=draw(seed + 2, *memory.initial(2).shape),
        keys=unit(draw(seed + 3, 2, 2, 2, tokens, 5)),
        targets=1.5 * unit(draw(seed + 4, 2, 2, 2, tokens, 5)),
        weight=torch.sigmoid(draw(seed + 5, 2, 2, tokens)) * torch.tensor([[[1.0]], [[0.1]]]),
        retention=torch.full((2, 2), alpha, dtype=float64),
    )


def small_titan(settings: Hope = LAYER, seed: int = 0) -> Titan:
    """A layer with gates half open and every zero-initialised weight drawn."""
    titan = Titan(settings, GRID, torch.Generator().manual_seed(seed)).double()
    with torch.no_grad():
        for number, parameter in enumerate(titan.parameters()):
            parameter.add_(0.3 * draw(seed + number, *parameter.shape))
        titan.project.weight.mul_(3.0)
        titan.threshold.fill_(0.2)
        titan.gate.bias.mul_(0.3)
    return titan


def tables(settings: Hope, steps: int) -> Tables:
    """Rotary tables of a layer's clip from its start."""
    width = settings.width // settings.heads
    if settings.rope == "off":
        return torch.ones(steps, TOKENS, width), torch.zeros(steps, TOKENS, width)
    return rotary_tables(0, steps, GRID, width, settings.rope, torch.device("cpu"))
