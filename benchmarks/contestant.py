"""What takes part in a benchmark, and under which conditions it runs.

A contestant is a name, what it is compared with, and a function that builds it and returns one
repeat as a call without arguments. Everything of the conditions is in `Setting`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.sizes import Size

MODES = {"cpu": ("float32",), "cuda": ("float32", "bfloat16", "bfloat16, compiled")}


class NotInstalled(RuntimeError):
    """A peer's package that is not there."""


@dataclass(frozen=True)
class Setting:
    """Conditions of a run.

    Attributes:
        mode: one of `MODES`; bfloat16 is autocast, compiled is torch.compile of mixers and blocks.
        batch: clips side by side.
    """

    size: Size
    device: str
    mode: str
    batch: int

    @property
    def is_compiled(self) -> bool:
        """Whether torch.compile is on."""
        return self.mode.endswith("compiled")

    def precision(self) -> AbstractContextManager:
        """The autocast context of the mode."""
        if self.mode.startswith("bfloat16"):
            return torch.autocast(self.device, dtype=torch.bfloat16)
        return nullcontext()

    def prepare(self, module: nn.Module, *parts: nn.Module) -> nn.Module:
        """Move a module to the device; where the mode says so, compile its parts (else itself)."""
        module.to(self.device)
        if self.is_compiled:
            for part in parts or (module,):
                part.compile()
        return module

    def normal(self, *shape: int) -> Tensor:
        """The same normal numbers for every contestant that asks for the shape."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(shape, generator=generator).to(self.device)


Repeat = Callable[[], None]
Count = Callable[[Size], int]


def one(size: Size) -> int:
    """One, whatever the size."""
    return 1


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    Attributes:
        base: name of the contestant, of the same group, that is 1.
        target: the ratio to reach, at most; None where nothing is asked.
        build: makes the contestant; returns one repeat. Raises `NotInstalled`.
        units: how many units one repeat is made of at a size; the time of one is reported.
        waits: a repeat waits for a disk or for threads, so wall time is compared.
    """

    group: str
    name: str
    base: str
    build: Callable[[Setting], Repeat]
    target: float | None = None
    units: Count = one
    waits: bool = False


def forward_backward(
    setting: Setting, module: nn.Module, call: Callable[[Tensor], Tensor], x: Tensor
) -> Repeat:
    """A repeat: `call(x)` and the backward pass to x and every parameter of `module`.

    The output's gradient is given, so that no loss is part of the time; it has x's shape.
    """
    x.requires_grad_()
    gradient = setting.normal(*x.shape)

    def repeat() -> None:
        module.zero_grad(set_to_none=True)
        x.grad = None
        with setting.precision():
            answer = call(x)
        answer.backward(gradient.to(answer.dtype))

    return repeat
