"""One draw simulated in both domains: the frames, the pair overlaid, and the sliding law."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.figures import style
from hopeworld.simulation.table import Shard, read_clip_table
from hopeworld.simulation.trajectory import resting_distance, sliding_distance
from hopeworld.video.camera import project
from hopeworld.video.clips import clip_path, read_clip

HEIGHT_IN = 4.3
SHOWN = range(1, settings.CLIP_FRAMES, 2)
COLOURS = {"A": style.BLACK, "B": style.GREEN}
MARKERS = {"A": "o", "B": "s"}
ARROW_M_PER_N = 0.04
MARGIN_SHARE = 0.22


@dataclass(frozen=True)
class Inputs:
    """The same shard in both domains, and the clip (index in its split) that is shown."""

    a: Shard
    b: Shard
    clip: int
    metrics: Path
    simulation: settings.Simulation
    camera: settings.Camera


class PairError(ValueError):
    """Clips of A and B that are not a pair, or not of this camera."""


@dataclass(frozen=True)
class Pair:
    """The tables of both domains and the row of the clip that is shown."""

    tables: dict[str, dict[str, np.ndarray]]
    row: int
    frame_hz: int


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: domain, clip, frame, pixels, distance and law in metres.

    Raises `PairError` where the clip is not in both shards from one draw.
    """
    pair = _read_pair(inputs)
    plotted = pd.concat([_distances(pair, domain) for domain in pair.tables], ignore_index=True)
    figure = style.new_figure(figures, HEIGHT_IN, files.read_json(inputs.metrics))
    axes = figure.subplot_mosaic(
        [["A"] * 3, ["B"] * 3, ["pair", "distance", "law"]], height_ratios=[1, 1, 2.1]
    )
    frames = {domain: _read_frames(inputs, domain) for domain in pair.tables}
    for domain in pair.tables:
        _draw_strip(axes[domain], frames[domain], pair, domain, inputs.camera)
    axes["B"].set_xlabel("frame (the arrow is the force, until the next frame)")
    shown = plotted[plotted["clip"] == inputs.clip]
    _draw_pair(axes["pair"], np.mean([f[-1] for f in frames.values()], axis=0), shown)
    _draw_distance(axes["distance"], shown)
    _draw_law(axes["law"], plotted)
    return figure, plotted


def _shards(inputs: Inputs) -> dict[str, Shard]:
    return {"A": inputs.a, "B": inputs.b}


def _read_pair(inputs: Inputs) -> Pair:
    tables = {domain: read_clip_table(shard.table) for domain, shard in _shards(inputs).items()}
    a, b = tables["A"], tables["B"]
    found = np.flatnonzero(a["clip"] == inputs.clip)
    same = np.array_equal(a["clip"], b["clip"]) and np.array_equal(a["force"], b["force"])
    if found.size != 1 or not same:
        raise PairError(
            f"{inputs.a.table} and {inputs.b.table}: clip {inputs.clip} is not in both from one "
            "draw; name the same shard of one split"
        )
    return Pair(tables, int(found[0]), inputs.simulation.frame_hz)


def _read_frames(inputs: Inputs, domain: str) -> np.ndarray:
    path, size = clip_path(_shards(inputs)[domain].folder, inputs.clip), inputs.camera.image_px
    frames = read_clip(path)
    if frames.shape[1:3] != (size, size):
        height, width = frames.shape[1:3]
        raise PairError(f"{path}: {width} x {height} px, not {size} x {size}; simulate it again")
    return frames


def _distances(pair: Pair, domain: str) -> pd.DataFrame:
    """Distance slid at every frame, simulated and by Coulomb's law, for all clips of a table."""
    table, push_s = pair.tables[domain], 1 / pair.frame_hz
    clips, frame_count = table["position"].shape[:2]
    frame = np.arange(frame_count)
    start = table["position"][:, :1, :2]
    force_n = np.linalg.norm(table["force"], axis=-1).max(axis=1)
    acting = (force_n[:, None], table["mass"][:, None], table["friction"][:, None], push_s)
    law = sliding_distance(*acting, (frame - table["onset"][:, None]) / pair.frame_hz)
    return pd.DataFrame(
        {
            "domain": domain,
            "clip": np.repeat(table["clip"], frame_count),
            "frame": np.tile(frame, clips),
            "pixel_right": table["pixel"][..., 0].ravel(),
            "pixel_down": table["pixel"][..., 1].ravel(),
            "distance_m": np.linalg.norm(table["position"][..., :2] - start, axis=-1).ravel(),
            "law_m": law.ravel(),
            "resting_m": np.broadcast_to(resting_distance(*acting), law.shape).ravel(),
        }
    )


def _draw_strip(
    axis: Axes, frames: np.ndarray, pair: Pair, domain: str, camera: settings.Camera
) -> None:
    table, row, size = pair.tables[domain], pair.row, camera.image_px
    axis.imshow(np.concatenate([frames[f] for f in SHOWN], axis=1))
    for index in range(1, len(SHOWN)):
        axis.axvline(index * size - 0.5, color="white", linewidth=1.5)
    centres = [(i + 0.5) * size - 0.5 for i in range(len(SHOWN))]
    axis.set_xticks(centres, [str(f) for f in SHOWN])
    axis.tick_params(labelbottom=domain == "B", length=0)
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.set_ylabel(
        f"{domain}\nμ = {table['friction'][row]:.2f}\nm = {table['mass'][row]:.2f} kg",
        rotation=0, ha="right", va="center",
    )  # fmt: skip
    _draw_force(axis, table, row, camera)


def _draw_force(
    axis: Axes, table: dict[str, np.ndarray], row: int, camera: settings.Camera
) -> None:
    onset = int(table["onset"][row])
    start = table["position"][row, onset]
    end = start + np.append(ARROW_M_PER_N * table["force"][row, onset], 0.0)
    shift = np.array([SHOWN.index(onset) * camera.image_px - 0.5, -0.5])
    tail, head = (project(point, camera) + shift for point in (start, end))
    arrow = {"arrowstyle": "-|>", "color": "white", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", head, tail, arrowprops=arrow)


def _draw_pair(axis: Axes, image: np.ndarray, shown: pd.DataFrame) -> None:
    """Both last frames over each other, cut to a square around both paths."""
    axis.imshow(image.round().astype(np.uint8))
    # Both paths lie on one line: the longer one goes below, with larger marks.
    for domain, size in (("B", 3.5), ("A", 2.0)):
        path = shown[shown["domain"] == domain]
        axis.plot(
            path["pixel_right"] - 0.5, path["pixel_down"] - 0.5, color=COLOURS[domain],
            marker=MARKERS[domain], markersize=size, linewidth=0.6,
        )  # fmt: skip
    left, top, side = _square(shown, image.shape[0])
    axis.set(xticks=[], yticks=[], xlim=(left, left + side), ylim=(top + side, top))
    axis.set_anchor("N")
    axis.spines[:].set_visible(False)
    axis.set_title("the pair overlaid: last\nframes, paths of the centre")


def _square(shown: pd.DataFrame, image_px: int) -> tuple[float, float, float]:
    """Left, top and side (px) of a square around all centres, inside the image."""
    centres = shown[["pixel_right", "pixel_down"]].to_numpy() - 0.5
    low, high = centres.min(0), centres.max(0)
    side = min(float((high - low).max()) + 2 * MARGIN_SHARE * image_px, float(image_px))
    left, top = np.clip((low + high - side) / 2, -0.5, image_px - side - 0.5)
    return float(left), float(top), side


def _draw_distance(axis: Axes, shown: pd.DataFrame) -> None:
    for domain, path in shown.groupby("domain"):
        axis.plot(path["frame"], path["law_m"], color=COLOURS[domain], linewidth=0.8)
        axis.plot(
            path["frame"], path["distance_m"], linestyle="none", color=COLOURS[domain],
            marker=MARKERS[domain], markerfacecolor="none", label=domain,
        )  # fmt: skip
    axis.set(xlabel="frame", ylabel="distance (m)")
    axis.set_title("this pair: simulated (marks)\nand Coulomb's law (lines)")
    axis.legend(loc="upper left", handlelength=1.0)


def _draw_law(axis: Axes, plotted: pd.DataFrame) -> None:
    last = plotted[plotted["frame"] == plotted["frame"].max()]
    longest = 1.05 * last["law_m"].max()
    axis.plot([0, longest], [0, longest], color=style.GREY, linewidth=0.8)
    for domain, clips in last.groupby("domain"):
        axis.plot(
            clips["law_m"], clips["distance_m"], linestyle="none", color=COLOURS[domain],
            marker=MARKERS[domain], markerfacecolor="none",
        )  # fmt: skip
    error = (plotted["distance_m"] - plotted["law_m"]).abs() / plotted["resting_m"]
    count = last.groupby("domain").size().max()
    axis.set_title(f"all {count} pairs: at most\n{error.max():.2%} off the law")
    axis.set(xlabel="by the law (m)", ylabel="simulated (m)")
