"""States as trees: nested frozen dataclasses and tuples, with tensors, numbers or None at the ends.

    flatten(state)              {"titans.0.memory": Tensor, ..., "time": 3, "continuum": None}
    unflatten(like, flat)       the state again, with the dataclasses of `like`
    map_tensors(f, state)       the same tree, every tensor changed

so that cutting, hashing and storing a state need not know what a model keeps in it.
`digest` is a hash of everything that a stream has learnt: state and parameters.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Leaf = Tensor | int | None


def flatten(state: Any) -> dict[str, Leaf]:
    """Every end of a state by its path."""
    return dict(_walk(state, ""))


def unflatten(like: Any, flat: Mapping[str, Leaf]) -> Any:
    """Rebuild what `flatten` took apart; raises KeyError where an end of `like` is missing.

    like: any state of the same model, for the types of its parts.
    """
    return _rebuild(like, flat, "")


def map_tensors(change: Callable[[Tensor], Tensor], state: Any) -> Any:
    """The same state with `change` applied to every tensor."""
    flat = flatten(state)
    return unflatten(state, {k: change(v) if isinstance(v, Tensor) else v for k, v in flat.items()})


def digest(state: Any, module: nn.Module) -> str:
    """SHA-256 over every tensor and number of a state, and a module's parameters and buffers."""
    hasher = hashlib.sha256()
    for parts in (flatten(state), module.state_dict()):
        for name, value in parts.items():
            hasher.update(name.encode())
            hasher.update(_bytes(value) if isinstance(value, Tensor) else repr(value).encode())
    return hasher.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return memoryview(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())


def _walk(part: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    children = _children(part)
    if children is None:
        yield path, part
        return
    for name, child in children:
        yield from _walk(child, f"{path}.{name}" if path else name)


def _children(part: Any) -> list[tuple[str, Any]] | None:
    if dataclasses.is_dataclass(part):
        return [(field.name, getattr(part, field.name)) for field in dataclasses.fields(part)]
    if isinstance(part, tuple):
        return [(str(index), child) for index, child in enumerate(part)]
    return None


def _rebuild(like: Any, flat: Mapping[str, Leaf], path: str) -> Any:
    prefix = f"{path}." if path else ""
    if dataclasses.is_dataclass(like):
        parts = {name: _rebuild(child, flat, prefix + name) for name, child in _children(like)}
        return type(like)(**parts)
    if path in flat:
        return flat[path]
    count = len({key[len(prefix) :].split(".")[0] for key in flat if key.startswith(prefix)})
    if not count and not isinstance(like, tuple):
        raise KeyError(path)
    known = like if isinstance(like, tuple) else ()
    if any(dataclasses.is_dataclass(part) for part in known) and count != len(known):
        raise KeyError(f"{prefix}{count}")
    likes = (*known, *(None,) * count)[:count]
    return tuple(_rebuild(part, flat, f"{prefix}{i}") for i, part in enumerate(likes))
