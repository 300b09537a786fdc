"""A hash of everything that a stream has learnt: state and parameters."""

from __future__ import annotations

import hashlib
from typing import Any

from torch import Tensor, nn

from hopeworld.models.state import flatten


def digest(state: Any, module: nn.Module) -> str:
    """SHA-256 over every tensor and number of a state, and a module's parameters and buffers."""
    hasher = hashlib.sha256()
    for parts in (flatten(state), module.state_dict()):
        for name, value in parts.items():
            hasher.update(name.encode())
            is_tensor = isinstance(value, Tensor)
            hasher.update(value.detach().cpu().contiguous().numpy() if is_tensor else b"%r" % value)
    return hasher.hexdigest()
