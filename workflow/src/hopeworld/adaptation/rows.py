"""The rows of a batched state: a predictor keeps S streams side by side in one tree of tensors.

Rows of a larger batch are stream by stream: rows n s, ..., n s + n - 1 are of stream s.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool
from torch import Tensor

from hopeworld.models.predictor import Predictor, State
from hopeworld.models.state import flatten, unflatten


class Rows:
    """Knows the batch axis of every tensor of a predictor's states between two clips."""

    def __init__(self, predictor: Predictor):
        two, three = (flatten(predictor.initial(batch)) for batch in (2, 3))
        self._axes = {
            path: next(axis for axis, size in enumerate(leaf.shape) if size != other.shape[axis])
            for (path, leaf), other in zip(two.items(), three.values(), strict=True)
            if isinstance(leaf, Tensor)
        }

    def repeat(self, state: State, count: int) -> State:
        """Every stream `count` times."""
        return self._change(state, lambda leaf, axis: leaf.repeat_interleave(count, axis))

    def take(self, state: State, stream: int) -> State:
        """One stream, as a state of batch 1."""
        return self._change(state, lambda leaf, axis: leaf.narrow(axis, stream, 1))

    def choose(self, chosen: Bool[Tensor, "S"], new: State, old: State) -> State:
        """The chosen streams of `new`, the others of `old`; numbers of all streams from `new`."""
        kept = flatten(old)

        def pick(leaf: Tensor, axis: int, path: str) -> Tensor:
            shape = [1] * leaf.ndim
            shape[axis] = -1
            return torch.where(chosen.to(leaf.device).view(shape), leaf, kept[path])

        flat = flatten(new)
        picked = {path: pick(flat[path], axis, path) for path, axis in self._axes.items()}
        return unflatten(new, flat | picked)

    def _change(self, state: State, change: Callable[[Tensor, int], Tensor]) -> State:
        flat = flatten(state)
        return unflatten(state, flat | {p: change(flat[p], a) for p, a in self._axes.items()})
