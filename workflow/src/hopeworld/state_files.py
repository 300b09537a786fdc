"""States of predictors as safetensors files: what a stream has learnt, to go on from exactly.

A state belongs to a model and its weights; the file says which, and no other reads it.
"""

from __future__ import annotations

import json
import os
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from hopeworld.files import atomic
from hopeworld.models.predictor import BadInput, Predictor
from hopeworld.models.state import digest, flatten, unflatten

METADATA_KEY = "hopeworld_state"


class StateError(ValueError):
    """A file that does not hold a state of this predictor."""


def save_state(path: str | os.PathLike, state: Any, predictor: Predictor) -> None:
    """Write a state of `predictor`, atomically; loading it back gives the same bytes."""
    flat = flatten(state)
    tensors = {k: v.detach().cpu().contiguous() for k, v in flat.items() if isinstance(v, Tensor)}
    numbers = {k: v for k, v in flat.items() if not isinstance(v, Tensor)}
    about = {"model": _describe(predictor), "numbers": numbers}
    with atomic(path) as part:
        save_file(tensors, part, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)})


def load_state(path: str | os.PathLike, predictor: Predictor, batch: int) -> Any:
    """Read a state of `predictor` for a batch, on the predictor's device.

    Raises StateError if the file is none, or is of another model, other weights, grid or batch.
    """
    device = next(predictor.parameters()).device
    try:
        with safe_open(path, framework="pt") as file:
            entries = file.metadata() or {}
        tensors = load_file(path, device=str(device))
        about = json.loads(entries[METADATA_KEY])
        model, numbers = about["model"], about["numbers"]
    except FileNotFoundError as error:
        raise StateError(f"{path}: no such file; start from initial()") from error
    except KeyError as error:
        raise StateError(f"{path}: no {METADATA_KEY} metadata; use a file of save_state") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise StateError(f"{path}: cannot be read: {error}; delete it to start again") from error
    if model != _describe(predictor):
        raise StateError(f"{path}: is of another model, settings or weights; use initial()")
    try:
        state = unflatten(predictor.initial(batch), tensors | numbers)
        predictor.check_state(state, batch)
    except (KeyError, BadInput) as error:
        lacks = "it lacks " if isinstance(error, KeyError) else ""
        raise StateError(f"{path}: does not fit the model: {lacks}{error}") from error
    return state


def _describe(predictor: Predictor) -> dict[str, Any]:
    described = {"kind": type(predictor).__name__, "settings": vars(predictor.settings)}
    described |= {"grid": predictor.grid, "feature_width": predictor.feature_width}
    described |= {"weights": digest(None, predictor)}
    return json.loads(json.dumps(described))
