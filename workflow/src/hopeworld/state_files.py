"""States of predictors as safetensors files: what a stream has learnt, to go on from exactly.

A state belongs to a model and its weights as trained; the file says which, and no other reads it.
Parameters that were adapted stand beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hopeworld.files import atomic
from hopeworld.models.predictor import BadInput, Predictor
from hopeworld.models.state import digest, flatten, unflatten
from hopeworld.records import carried

METADATA_KEY = "hopeworld_state"
ADAPTED = "parameters."


class StateError(ValueError):
    """A file that does not hold a state of this predictor."""


def save_state(path: str | os.PathLike, state: Any, predictor: Predictor) -> None:
    """Write a state of `predictor`, atomically; loading it back gives the same bytes."""
    write_state(path, state, {}, describe(predictor))


def load_state(path: str | os.PathLike, predictor: Predictor, batch: int) -> Any:
    """Read a state of `predictor` for a batch, on the predictor's device.

    Raises StateError if the file is none, or is of another model, other weights, grid or batch.
    """
    return read_state(path, predictor, batch)[0]


def write_state(
    path: str | os.PathLike,
    state: Any,
    adapted: Mapping[str, Tensor],
    description: Mapping[str, Any],
) -> None:
    """Write a state and adapted parameters of the predictor that `describe` described as trained.

    Atomic; the same content gives the same bytes.
    """
    flat = flatten(state)
    tensors = {k: v for k, v in flat.items() if isinstance(v, Tensor)}
    numbers = {k: v for k, v in flat.items() if not isinstance(v, Tensor)}
    tensors |= {f"{ADAPTED}{name}": value for name, value in adapted.items()}
    about = {"model": description, "numbers": numbers} | carried()
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path, "the state") as part:
        part.write_bytes(save(plain, {METADATA_KEY: json.dumps(about, sort_keys=True)}))


def read_state(
    path: str | os.PathLike, predictor: Predictor, batch: int
) -> tuple[Any, dict[str, Tensor]]:
    """Read a state for a batch, and adapted parameters by name; the predictor is as trained.

    Raises StateError if the file is none, or is of another model, other weights, grid or batch.
    """
    tensors, about = _read(path, predictor.action_scale.device)
    if about["model"] != describe(predictor):
        raise StateError(f"{path}: is of another model, settings or weights; use initial()")
    adapted = {k: tensors.pop(k) for k in list(tensors) if k.startswith(ADAPTED)}
    try:
        state = unflatten(predictor.initial(batch), tensors | about["numbers"])
        predictor.check_state(state, batch)
    except (KeyError, BadInput) as error:
        lacks = "it lacks " if isinstance(error, KeyError) else ""
        raise StateError(f"{path}: does not fit the model: {lacks}{error}") from error
    return state, {name.removeprefix(ADAPTED): value for name, value in adapted.items()}


def describe(predictor: Predictor) -> dict[str, Any]:
    """What a state belongs to: kind, settings, grid, feature width and a digest of the weights."""
    described = {"kind": type(predictor).__name__, "settings": vars(predictor.settings)}
    described |= {"grid": predictor.grid, "feature_width": predictor.feature_width}
    described |= {"weights": digest(None, predictor)}
    return json.loads(json.dumps(described))


def _read(
    path: str | os.PathLike, device: torch.device
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            entries = file.metadata() or {}
        tensors = load_file(path, device=str(device))
        about = json.loads(entries[METADATA_KEY])
        return tensors, {name: about[name] for name in ("model", "numbers")}
    except FileNotFoundError as error:
        raise StateError(f"{path}: no such file; start from initial()") from error
    except KeyError as error:
        raise StateError(f"{path}: no {METADATA_KEY} metadata; use a file of save_state") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise StateError(f"{path}: cannot be read: {error}; delete it to start again") from error
