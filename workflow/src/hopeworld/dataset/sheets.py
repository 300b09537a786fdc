"""Contact sheets: clips of a part in rows, frames in columns, in the style of the figures."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from hopeworld import files, settings
from hopeworld.dataset.parts import Examples
from hopeworld.figures import style
from hopeworld.video.camera import project

SHOWN = range(1, settings.CLIP_FRAMES, 2)
LABEL_IN, HEAD_IN, FOOT_IN, EDGE_IN = 1.4, 0.25, 0.4, 0.05
GAP_SHARE = 1 / 32
ARROW_M_PER_N = 0.04
# White with a dark rim: seen on every ground.
ARROW = {"arrowstyle": "-|>", "color": "white", "shrinkA": 0, "shrinkB": 0}
ARROW |= {"path_effects": [withStroke(linewidth=1.6, foreground="0.15")]}


def write_sheet(
    path: str | os.PathLike, examples: Examples, camera: settings.Camera, figures: settings.Figures
) -> None:
    """Write the contact sheet of a part as PNG, without a date."""
    with style.styled(figures), files.atomic(path) as part:
        figure = compose(examples, camera, figures)
        figure.savefig(part, format="png", metadata={"Software": None})


def compose(examples: Examples, camera: settings.Camera, figures: settings.Figures) -> Figure:
    """The figure: every second frame of every example, the force as an arrow where it acts."""
    image, step = _joined(examples.frames[:, list(SHOWN)])
    width = figures.text_width_in - LABEL_IN - EDGE_IN
    height = width * image.shape[0] / image.shape[1]
    total = height + HEAD_IN + FOOT_IN
    figure = Figure(figsize=(figures.text_width_in, total), dpi=figures.dpi)
    box = (LABEL_IN / figures.text_width_in, FOOT_IN / total)
    axis = figure.add_axes(
        (*box, width / figures.text_width_in, height / total), xticks=[], yticks=[]
    )
    axis.imshow(image, aspect="auto")
    _label(axis, examples, camera.image_px, step)
    for row in range(len(examples.frames)):
        _draw_force(axis, examples, row, step, camera)
    return figure


def _joined(tiles: np.ndarray) -> tuple[np.ndarray, int]:
    """Tiles [n, k, S, S, 3] as one picture, white between them; from one to the next, in pixels."""
    count, _, side, _, _ = tiles.shape
    gap = max(1, round(GAP_SHARE * side))
    margins = ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0))
    padded = np.pad(tiles, margins, constant_values=255).transpose(0, 2, 1, 3, 4)
    return padded.reshape(count * (side + gap), -1, 3)[:-gap, :-gap], side + gap


def _label(axis: Axes, examples: Examples, side: int, step: int) -> None:
    """Clips at the left, frames below, the part above."""
    columns = examples.columns
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks([i * step + side / 2 for i in range(len(SHOWN))], [str(f) for f in SHOWN])
    texts = [_text(columns, row) for row in range(len(examples.frames))]
    axis.set_yticks([i * step + side / 2 for i in range(len(texts))], texts)
    axis.set_xlabel("frame (the arrow is the force, until the next frame)")
    axis.set_title(f"split {examples.split}, domain {examples.domain}")


def _text(columns: dict[str, np.ndarray], row: int) -> str:
    force = np.linalg.norm(columns["force"][row], axis=-1).max()
    return (
        f"clip {columns['clip'][row]}: {columns['shape'][row]}\n"
        f"μ {columns['friction'][row]:.3f}, m {columns['mass'][row]:.2f} kg\n"
        f"{force:.1f} N at {columns['onset'][row]}"
    )


def _draw_force(
    axis: Axes, examples: Examples, row: int, step: int, camera: settings.Camera
) -> None:
    column = SHOWN.index(int(examples.columns["onset"][row]))
    corner = step * np.array([column, row]) - 0.5
    tail, head = (corner + point for point in force_arrow(examples, row, camera))
    axis.annotate("", head, tail, arrowprops=ARROW | {"linewidth": 0.8, "mutation_scale": 6})


def force_arrow(
    examples: Examples, row: int, camera: settings.Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends, in pixels of the clip, of the arrow that shows the force at its frame."""
    columns = examples.columns
    onset = int(columns["onset"][row])
    start = columns["position"][row, onset]
    end = start + np.append(ARROW_M_PER_N * columns["force"][row, onset], 0.0)
    return project(start, camera), project(end, camera)
