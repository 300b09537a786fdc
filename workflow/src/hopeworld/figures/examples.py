"""One probe clip and what methods predict of it after phase B, for the figures that show it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from safetensors import SafetensorError, safe_open

from hopeworld import settings
from hopeworld.evaluation.labels import PERSISTENCE, in_order
from hopeworld.simulation.table import read_clip_table
from hopeworld.video.clips import clip_path, read_clip

METADATA_KEY = "hopeworld_example"
ARRAYS = ("truth", "predictions", "frozen", "error", "error_frozen", "persistence", "objects")


class ExampleError(ValueError):
    """Examples that do not belong together, or to these clips."""


@dataclass(frozen=True)
class Inputs:
    """What a figure of one clip reads.

    examples: the file of each method; the last is compared with the first.
    table, videos: the shard that holds the clip.
    """

    examples: Mapping[str, Path]
    table: Path
    videos: Path
    metrics: Path


@dataclass(frozen=True)
class Example:
    """One clip; latents in LayerNorm space, methods in the order of all figures.

    frames: uint8 [16, H, W, 3].   onset: frame of the push.   objects: bool [7, P].
    truth: [8, P, D].   predictions: of z_1 ... z_7 by method, frozen twins too, [7, P, D].
    errors: L1 of every patch by method, persistence first, [7, P].
    """

    clip: int
    grid: tuple[int, int]
    frames: np.ndarray
    onset: int
    objects: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]

    def frame_of(self, t: int) -> np.ndarray:
        """The last frame of latent z_t."""
        return self.frames[settings.TUBELET_FRAMES * (t + 1) - 1]


def read_example(inputs: Inputs, twins: Mapping[str, str]) -> Example:
    """Read the examples of all methods and the clip that they are of.

    Raises `ExampleError` where a file is not one, or they are of different clips.
    """
    found = {name: _read_file(path) for name, path in inputs.examples.items()}
    first, (about, arrays) = next(iter(found.items()))
    for name, (_, values) in found.items():
        if not np.array_equal(values["truth"], arrays["truth"]):
            paths = f"{inputs.examples[first]} and {inputs.examples[name]}"
            raise ExampleError(f"{paths}: of different clips; delete both to make them anew")
    onset, predictions, errors = _onset(inputs.table, about["clip"]), {}, {}
    for name, (_, values) in found.items():
        predictions |= {twins[name]: values["frozen"], name: values["predictions"]}
        errors |= {twins[name]: values["error_frozen"], name: values["error"]}
    return Example(
        clip=about["clip"],
        grid=tuple(about["grid"]),
        frames=read_clip(clip_path(inputs.videos, about["clip"])),
        onset=onset,
        objects=arrays["objects"],
        truth=arrays["truth"].astype(np.float32),
        predictions={n: predictions[n].astype(np.float32) for n in in_order(predictions)},
        errors={PERSISTENCE: arrays["persistence"]} | {n: errors[n] for n in in_order(errors)},
    )


def _onset(table: Path, clip: int) -> int:
    columns = read_clip_table(table)
    rows = np.flatnonzero(columns["clip"] == clip)
    if rows.size != 1:
        raise ExampleError(
            f"{table}: has no clip {clip}, which the examples are of; name its shard"
        )
    return int(columns["onset"][rows[0]])


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()[METADATA_KEY])
            arrays = {name: file.get_tensor(name) for name in ARRAYS}
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise ExampleError(
            f"{path}: no example of a clip ({error}); delete it, run again"
        ) from error
    return about, arrays


def draw_outline(axis: Axes, inside: np.ndarray, patch_px: float, colour: str) -> None:
    """Draw the edge of some patches, bool [rows, columns], over an image of the frame."""
    padded = np.pad(inside, 1)
    down, right = np.diff(padded, axis=0)[:, 1:-1], np.diff(padded, axis=1)[1:-1]
    edges = [((c, r), (c + 1, r)) for r, c in np.argwhere(down)]
    edges += [((c, r), (c, r + 1)) for r, c in np.argwhere(right)]
    lines = np.array(edges, dtype=float).reshape(-1, 2, 2) * patch_px - 0.5
    axis.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.8))
