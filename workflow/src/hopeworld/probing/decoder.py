"""The physics probe: a linear map from a latent to the centre of the object, in metres.

    centre = sum_{p, d} W[p, d] z[p, d] + c,      W, c = argmin |centre - y|^2 + ridge |W|^2

Fitted on true latents of domain A, the ridge chosen by leaving out one episode at a time. A
prediction is never seen while fitting, so an error of the decoded prediction is one of the
predictor; what the probe itself misses is reported on the true latents of both domains.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hopeworld.features.dataset import ClipDataset
from hopeworld.files import atomic
from hopeworld.models.predictor import standardise
from hopeworld.probing import ridge
from hopeworld.progress import tracked
from hopeworld.records import carried

METADATA_KEY = "hopeworld_decoder"
LATENTS = 2048
RIDGES = tuple(10.0**power for power in range(-7, 3))
"""In units of the mean eigenvalue of the Gram matrix."""
COLUMNS = 4096
CLIPS = 64


class DecoderError(ValueError):
    """A file that holds no decoder, or latents that do not fit it."""


@dataclass(frozen=True)
class Decoder:
    """Latents in LayerNorm space to the object's centre (x, y) in metres."""

    weight: Float[Tensor, "P D 2"]
    offset: Float[Tensor, "2"]

    def __call__(self, latents: Float[Tensor, "*b P D"]) -> Float[Tensor, "*b 2"]:
        """Centres in metres; raises `DecoderError` for latents of another grid or width."""
        if latents.shape[-2:] != self.weight.shape[:2]:
            found, wanted = tuple(latents.shape[-2:]), tuple(self.weight.shape[:2])
            raise DecoderError(f"decoder: latents are {found}, wanted {wanted}; fit it again")
        return latents.float().flatten(-2) @ self.weight.flatten(0, 1) + self.offset


@dataclass(frozen=True)
class Fit:
    """A decoder and how it was chosen.

    ridge: in units of the mean eigenvalue.   held_out_error_m: mean distance to the true centre,
    each training episode decoded by a map fitted without it.
    """

    decoder: Decoder
    ridge: float
    held_out_error_m: float
    latents: int


@dataclass(frozen=True)
class Accuracy:
    """How far a decoder can be trusted on true latents.

    error_m: mean distance of the decoded from the true centre.   error_x_m, error_y_m: mean
    absolute error.   r2, r2_x, r2_y: 1 - residual over total sum of squares; NaN where no centre
    moves.   beyond_share: centres outside the box of those it was fitted on: it extrapolates.
    error_within_m: mean distance inside that box alone.
    """

    error_m: float
    error_x_m: float
    error_y_m: float
    r2: float
    r2_x: float
    r2_y: float
    beyond_share: float
    error_within_m: float
    latents: int


def fit_clips(data: ClipDataset, limit: int = LATENTS) -> Fit:
    """Fit on the latents of a split: all, or `limit` of them drawn with a fixed seed."""
    count, steps = data.centre.shape[:2]
    places = np.arange(count * steps)
    if len(places) > limit:
        places = np.sort(np.random.default_rng(0).choice(places, limit, replace=False))
    clip, step = np.divmod(places, steps)
    return fit(read_latents(data, clip, step), data.centre[clip, step], data.episode[clip])


def fit(latents: ndarray, centres: ndarray, groups: ndarray) -> Fit:
    """Ridge regression with an intercept, the ridge chosen from `RIDGES` by leaving out groups.

    latents: standardised float32 [n, P, D].   centres: metres [n, 2].   groups: [n], which rows
    belong together (the clips of an episode show one object).
    """
    rows = latents.reshape(len(latents), -1)
    mean, target = rows.mean(0, dtype=np.float64), centres.mean(0, dtype=np.float64)
    blocks = (rows[:, part] - mean[part] for part in _columns(rows.shape[1]))
    found = ridge.solve(ridge.gram(blocks, len(rows)), centres - target, groups, RIDGES)
    dual = found.weights
    weight = rows.T @ dual.astype(np.float32) - np.outer(mean, dual.sum(0))
    decoder = Decoder(
        torch.from_numpy(weight.reshape(*latents.shape[1:], 2).astype(np.float32)),
        torch.from_numpy((target - mean @ weight).astype(np.float32)),
    )
    distance = float(np.linalg.norm(found.errors, axis=1).mean())
    return Fit(decoder, found.ridge, distance, len(rows))


def accuracy(decoder: Decoder, data: ClipDataset, fitted_on: ndarray) -> Accuracy:
    """Decode every true latent of a split; `fitted_on`: centres [..., 2] of the training split."""
    batches = _batches(len(data))
    decoded = np.concatenate(
        [
            decoder(torch.from_numpy(_standardised(data, clips))).numpy()
            for clips in tracked(batches, "decoder: checking", len(batches), "batches")
        ]
    )
    return compare(decoded.reshape(-1, 2), data.centre.reshape(-1, 2), fitted_on.reshape(-1, 2))


def compare(decoded: ndarray, true: ndarray, fitted_on: ndarray) -> Accuracy:
    """Errors of decoded centres [n, 2] in metres."""
    residual = decoded - true
    squares, total = np.square(residual).sum(0), np.square(true - true.mean(0)).sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2, r2_axes = 1 - squares.sum() / total.sum(), 1 - squares / total
    beyond = ((true < fitted_on.min(0)) | (true > fitted_on.max(0))).any(1)
    distance = np.linalg.norm(residual, axis=1)
    return Accuracy(
        error_m=float(distance.mean()),
        error_x_m=float(np.abs(residual[:, 0]).mean()),
        error_y_m=float(np.abs(residual[:, 1]).mean()),
        r2=float(r2),
        r2_x=float(r2_axes[0]),
        r2_y=float(r2_axes[1]),
        beyond_share=float(beyond.mean()),
        error_within_m=float(distance[~beyond].mean()) if not beyond.all() else math.nan,
        latents=len(true),
    )


def report(fitted: Fit, train: ClipDataset, others: dict[str, ClipDataset]) -> dict:
    """What `decoder.json` says: the choice of the ridge, and the accuracy on every other split."""
    chosen = {"ridge": fitted.ridge, "held_out_error_m": fitted.held_out_error_m}
    chosen |= {"latents": fitted.latents, "clips": len(train)}
    scores = {name: accuracy(fitted.decoder, data, train.centre) for name, data in others.items()}
    return {"train_A": chosen} | {name: asdict(score) for name, score in scores.items()}


def save_decoder(path: str | os.PathLike, fitted: Fit) -> None:
    """Write a decoder as float32 safetensors, atomically."""
    about = {"ridge": fitted.ridge, "latents": fitted.latents} | carried()
    tensors = {"weight": fitted.decoder.weight, "offset": fitted.decoder.offset}
    with atomic(path) as part:
        part.write_bytes(save(tensors, {METADATA_KEY: json.dumps(about, sort_keys=True)}))


def load_decoder(path: str | os.PathLike, device: torch.device | str = "cpu") -> Decoder:
    """Read what `save_decoder` wrote; raises `DecoderError` for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            is_decoder = METADATA_KEY in (file.metadata() or {})
        tensors = load_file(path, device=str(device)) if is_decoder else {}
    except (FileNotFoundError, SafetensorError) as error:
        raise DecoderError(f"{path}: cannot be read: {error}; fit the decoder again") from error
    if not is_decoder:
        raise DecoderError(f"{path}: no {METADATA_KEY} metadata; give probing/decoder.safetensors")
    return Decoder(tensors["weight"], tensors["offset"])


def read_latents(data: ClipDataset, clip: ndarray, step: ndarray) -> ndarray:
    """Standardised latents z_step of clips at positions `clip` (ascending): float32 [n, P, D]."""
    out: ndarray | None = None
    batches = _batches(len(data))
    for clips in tracked(batches, "decoder: reading", len(batches), "batches"):
        wanted = (clip >= clips[0]) & (clip <= clips[-1])
        if wanted.any():
            latents = _standardised(data, clips)
            out = np.empty((len(clip), *latents.shape[2:]), np.float32) if out is None else out
            out[wanted] = latents[clip[wanted] - clips[0], step[wanted]]
    return out


def _standardised(data: ClipDataset, clips: ndarray) -> ndarray:
    return standardise(torch.from_numpy(data.latents(clips))).numpy()


def _batches(count: int) -> list[ndarray]:
    return [np.arange(first, min(first + CLIPS, count)) for first in range(0, count, CLIPS)]


def _columns(width: int) -> list[slice]:
    return [slice(first, first + COLUMNS) for first in range(0, width, COLUMNS)]
