"""The parameters that a method adapts, in a copy for every stream of a batch.

    none            nothing
    layer_norm      scale and shift of every LayerNorm: TTA as the thesis defines it
    action_encoder  its weight and bias
    force_scale     one factor on the actions, from 1: all that a change of friction or mass is to
                    an object that slides
    all             every parameter; of one stream only

Streams of a batch share what is not adapted. Each has its own copy of the modules that hold what
is: its rows of the batch go through that copy, so they are those of a stream that runs alone.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.predictor import Predictor

Parameters = dict[str, nn.Parameter]
ACTION_ENCODER = "action_encoder"


class ForceScale(nn.Module):
    """An action encoder whose actions are multiplied first."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        weight = next(encoder.parameters())
        self.factor = nn.Parameter(torch.ones((), device=weight.device, dtype=weight.dtype))

    def forward(self, actions: Float[Tensor, "*b A"]) -> Float[Tensor, "*b C"]:
        """encoder(c a)."""
        return self.encoder(self.factor * actions)


class PerStream(nn.Module):
    """A copy of a module for every stream; rows of the batch are stream by stream.

    only: a stream that all rows are of, while `one_stream` lasts.
    """

    def __init__(self, module: nn.Module, streams: int):
        super().__init__()
        self.copies = nn.ModuleList(copy.deepcopy(module) for _ in range(streams))
        self.only: int | None = None

    def forward(self, x: Float[Tensor, "B *rest"]) -> Tensor:
        """Each stream's rows through its own copy."""
        if self.only is not None:
            return self.copies[self.only](x)
        parts = zip(self.copies, x.chunk(len(self.copies)), strict=True)
        return torch.cat([module(part) for module, part in parts])


@contextlib.contextmanager
def one_stream(predictor: Predictor, stream: int) -> Iterator[None]:
    """Within, the whole batch is of one stream."""
    modules = [module for module in predictor.modules() if isinstance(module, PerStream)]
    for module in modules:
        module.only = stream
    try:
        yield
    finally:
        for module in modules:
            module.only = None


def declare_adapted(predictor: Predictor, adapt: str, streams: int) -> tuple[Parameters, ...]:
    """Make a predictor of `streams` streams in place; what each adapts, by its trained name.

    Raises ValueError for several streams of `all`.
    """
    predictor.requires_grad_(False)
    if adapt == "all" and streams > 1:
        raise ValueError("adapt: all has no copies of its parameters; run one stream at a time")
    if adapt == "force_scale":
        predictor.action_encoder = ForceScale(predictor.action_encoder)
    adapted: tuple[Parameters, ...] = tuple({} for _ in range(streams))
    for name in _adapted_modules(predictor, adapt):
        module = predictor.get_submodule(name)
        copies = [module]
        if streams > 1:
            apart = PerStream(module, streams)
            predictor.set_submodule(name, apart)
            copies = list(apart.copies)
        for parameters, part in zip(adapted, copies, strict=True):
            prefix = f"{name}." if name else ""
            parameters |= {f"{prefix}{own}": value for own, value in _own(part)}
    for parameters in adapted:
        for parameter in parameters.values():
            parameter.requires_grad_(True)
    return adapted


def _adapted_modules(predictor: Predictor, adapt: str) -> list[str]:
    """Paths of the modules whose parameters change."""
    if adapt == "none":
        return []
    if adapt == "all":
        return [""]
    if adapt == "layer_norm":
        named = predictor.named_modules()
        return [name for name, module in named if isinstance(module, nn.LayerNorm)]
    return [ACTION_ENCODER]


def _own(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    if isinstance(module, ForceScale):
        return [("factor", module.factor)]
    return list(module.named_parameters())
