"""Counterfactual pairs as a GIF: one draw in A and in B side by side, the push as an arrow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from hopeworld import files, settings
from hopeworld.dataset.parts import Examples
from hopeworld.dataset.previews import GAP_PX, SLOWER, enlarged
from hopeworld.dataset.sheets import ARROW, force_arrow
from hopeworld.figures import style

HEAD_PX, APART_PX = 20, 20
DPI, FONT_PT = 100, 9.0
COLOURS = 128
PUSH_MS, LAST_MS = 500, 1500


@dataclass(frozen=True)
class Tile:
    """One clip of the picture: frames [F, S, S, 3], its left edge, label, and force in pixels."""

    frames: np.ndarray
    left: int
    text: str
    onset: int
    arrow: tuple[np.ndarray, np.ndarray]


def write_pairs(
    path: str | os.PathLike,
    both: tuple[Examples, Examples],
    camera: settings.Camera,
    figures: settings.Figures,
    frame_hz: int,
) -> None:
    """Write the first and the last pair of the examples of A and B, slower, for ever."""
    rows = sorted({0, min(len(one.frames) for one in both) - 1})
    shown = [(one, row) for row in rows for one in both]
    tiles = [_tile(one, row, place, camera) for place, (one, row) in enumerate(shown)]
    durations = [1000 * SLOWER // frame_hz] * settings.CLIP_FRAMES
    for tile in tiles:
        durations[tile.onset] = PUSH_MS
    durations[-1] = LAST_MS
    with style.styled(figures), files.atomic(path) as part:
        _save(part, _drawn(tiles), durations)


def _tile(one: Examples, row: int, place: int, camera: settings.Camera) -> Tile:
    frames = enlarged(one.frames[row])
    side, columns = frames.shape[-2], one.columns
    left = (side + GAP_PX) * place + (APART_PX - GAP_PX) * (place // 2)
    scale, corner = side / camera.image_px, np.array([left, HEAD_PX])
    tail, head = (corner + scale * end for end in force_arrow(one, row, camera))
    text = f"{one.domain}: μ {columns['friction'][row]:.3f}, m {columns['mass'][row]:.2f} kg"
    return Tile(frames, left, text, int(columns["onset"][row]), (tail, head))


def _drawn(tiles: Sequence[Tile]) -> list[np.ndarray]:
    """The frames of the GIF, uint8 [H, W, 3]."""
    last = tiles[-1]
    width, height = last.left + last.frames.shape[-2], HEAD_PX + last.frames.shape[-3]
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    pictures = []
    for frame in range(len(last.frames)):
        figure.clear()
        axis = figure.add_axes((0, 0, 1, 1))
        axis.axis("off")
        for tile in tiles:
            _draw_tile(axis, tile, frame)
        axis.set(xlim=(0, width), ylim=(height, 0))
        canvas.draw()
        pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return pictures


def _draw_tile(axis: Axes, tile: Tile, frame: int) -> None:
    side = tile.frames.shape[-2]
    extent = (tile.left, tile.left + side, HEAD_PX + side, HEAD_PX)
    axis.imshow(tile.frames[frame], extent=extent, interpolation="nearest", aspect="auto")
    axis.text(tile.left, 2, tile.text, va="top", fontsize=FONT_PT)
    if frame == tile.onset:
        axis.annotate("", tile.arrow[1], tile.arrow[0], arrowprops=ARROW)


def _save(path: os.PathLike, frames: Sequence[np.ndarray], durations: Sequence[int]) -> None:
    """Write a GIF with one palette for all frames, so that nothing flickers."""
    palette = Image.fromarray(np.concatenate(frames)).quantize(COLOURS)
    images = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    images[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=list(durations),
        loop=0,
    )
