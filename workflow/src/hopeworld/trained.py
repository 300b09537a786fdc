"""Trained predictors as safetensors files that carry all it takes to rebuild them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hopeworld import settings
from hopeworld.files import atomic
from hopeworld.models.build import build_predictor
from hopeworld.models.predictor import Predictor
from hopeworld.records import KEY, carried

METADATA_KEY = "hopeworld"


class WeightsError(ValueError):
    """A file that does not hold a trained predictor of this project."""


@dataclass(frozen=True)
class Metadata:
    """What it takes to rebuild a predictor, and where its weights come from."""

    model: str
    settings: settings.VitAC | settings.Hope
    seed: int
    step: int
    grid: tuple[int, int]
    feature_width: int
    origin: dict[str, Any]


def save_weights(path: str | os.PathLike, weights: dict[str, Tensor], metadata: Metadata) -> None:
    """Write a state dict as safetensors, atomically.

    The metadata are one JSON string: safetensors writes several entries in random order, and the
    same weights must give the same bytes.
    """
    text = json.dumps(asdict(metadata) | carried(), sort_keys=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    with atomic(path, "the weights") as part:
        part.write_bytes(save(tensors, metadata={METADATA_KEY: text}))


def load_predictor(
    path: str | os.PathLike, device: torch.device | str = "cpu"
) -> tuple[Predictor, Metadata]:
    """Rebuild the predictor that was saved at `path`, in eval mode.

    Raises WeightsError if the file is not weights of this project, or does not fit the model.
    """
    metadata = read_metadata(path)
    predictor = build_predictor(
        metadata.settings, metadata.grid, metadata.feature_width, metadata.seed
    )
    try:
        predictor.load_state_dict(load_file(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise WeightsError(
            f"{path}: does not fit model {metadata.model}: {reason}; train it again"
        ) from error
    return predictor.to(device).eval(), metadata


def read_metadata(path: str | os.PathLike) -> Metadata:
    """Read the metadata of a weights file; raises WeightsError if there are none."""
    try:
        with safe_open(path, framework="pt") as file:
            entries = file.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file: {error}; train again") from error
    if METADATA_KEY not in entries:
        raise WeightsError(f"{path}: no {METADATA_KEY} metadata; use weights trained here")
    try:
        return _metadata(json.loads(entries[METADATA_KEY]))
    except (ValueError, TypeError, KeyError) as error:
        problem = f"its {METADATA_KEY} metadata are of no predictor ({error})"
        raise WeightsError(f"{path}: {problem}; train it again") from error


def _metadata(values: dict[str, Any]) -> Metadata:
    values["settings"] = settings.read_model(values["model"], values["settings"], "models")
    values["grid"] = tuple(values["grid"])
    values.pop(KEY, None)
    return Metadata(**values)
