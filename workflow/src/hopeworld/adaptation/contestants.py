"""The predictors that take part: trained ones and formulas, from the same kind of file."""

from __future__ import annotations

import json
import os

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from hopeworld import trained
from hopeworld.models.closed_form import ClosedFormPredictor, build_closed_form
from hopeworld.models.predictor import Predictor
from hopeworld.settings import CLOSED_FORM, ClosedForm


def load_contestant(path: str | os.PathLike, device: torch.device | str = "cpu") -> Predictor:
    """Rebuild a trained predictor, or a formula, in eval mode; raises WeightsError."""
    about = _metadata(path)
    if about.get("model") not in CLOSED_FORM:
        return trained.load_predictor(path, device)[0]
    settings = ClosedForm(**about["settings"])
    predictor = build_closed_form(settings, tuple(about["grid"]), about["feature_width"])
    try:
        predictor.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise trained.WeightsError(f"{path}: does not fit its formula; fit it again") from error
    return predictor.to(device).eval()


def save_closed_form(
    path: str | os.PathLike, predictor: ClosedFormPredictor, origin: dict[str, str]
) -> None:
    """Write a formula as a contestant, atomically; `origin` is the encoder of its clips."""
    settings = predictor.settings
    about = trained.Metadata(
        settings.kind, settings, 0, 0, predictor.grid, predictor.feature_width, origin
    )
    trained.save_weights(path, predictor.state_dict(), about)


def _metadata(path: str | os.PathLike) -> dict:
    """What the file says of its predictor; {} leaves the error to `trained.load_predictor`."""
    try:
        with safe_open(path, framework="pt") as file:
            entries = file.metadata() or {}
    except SafetensorError:
        return {}
    return json.loads(entries.get(trained.METADATA_KEY, "{}"))
