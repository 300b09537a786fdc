"""A hash of everything that a stream has learnt: state and parameters."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from torch import Tensor, nn


def digest(state: Any, module: nn.Module) -> str:
    """SHA-256 over every tensor and number of a state, and a module's parameters and buffers."""
    hasher = hashlib.sha256()
    _add(hasher, state)
    for name, tensor in module.state_dict().items():
        hasher.update(name.encode())
        _add(hasher, tensor)
    return hasher.hexdigest()


def _add(hasher: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        hasher.update(value.detach().cpu().contiguous().numpy().tobytes())
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _add(hasher, getattr(value, field.name))
    elif isinstance(value, tuple):
        for part in value:
            _add(hasher, part)
    else:
        hasher.update(repr(value).encode())
