"""One look for all figures: exact width, embedded fonts, one colour per method, the same bytes.

Colours are Okabe and Ito's, those of further controls Paul Tol's muted ones: told apart by the
colour-blind. Markers and dashes say it twice.
"""

from __future__ import annotations

import contextlib
import textwrap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import PERSISTENCE, PHASES, stamp
from hopeworld.figures import layout
from hopeworld.records import carried

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#767676"
INDIGO, TEAL, OLIVE = "#332288", "#44AA99", "#999933"
WINE, ROSE = "#882255", "#CC6677"
DASHED, DOTTED, DASH_DOTTED, SOLID = (0, (4, 2)), (0, (1, 1.5)), (0, (4, 1.5, 1, 1.5)), "-"
STAMP_SCALE = 0.85
STAMP_NAME = "stamp"
POINTS_PER_INCH = 72
# Of DejaVu Sans, over running text with its numbers.
GLYPH_EM = 0.62


@dataclass(frozen=True)
class Paths:
    """The three files of a figure."""

    pdf: Path
    png: Path
    csv: Path


@dataclass(frozen=True)
class Look:
    """How one method or model is drawn, everywhere."""

    colour: str
    marker: str
    dash: Any


LOOKS = {
    "vit_frozen": Look(SKY, "s", DASHED),
    "vit_tta": Look(BLUE, "o", SOLID),
    "vit_tta_literal": Look(PURPLE, "v", SOLID),
    "vit_tta_per_clip": Look(BLUE, "<", SOLID),
    "vit_tta_every": Look(BLUE, ">", DASH_DOTTED),
    "vit_tta_on_recovery": Look(BLUE, "1", SOLID),
    "vit_tta_at_change": Look(BLUE, "2", DASH_DOTTED),
    "vit_action_tta": Look(TEAL, "h", SOLID),
    "vit_force_scale": Look(OLIVE, "p", SOLID),
    "vit_full": Look(WINE, "d", SOLID),
    "vit_on_b": Look(INDIGO, "*", DASH_DOTTED),
    "vit_on_ab": Look(INDIGO, "8", DASH_DOTTED),
    "hope_frozen": Look(ORANGE, "D", DASHED),
    "hope_no_look_back": Look(ORANGE, "H", SOLID),
    "hope_per_clip": Look(GREEN, "P", SOLID),
    "hope": Look(VERMILLION, "^", SOLID),
    "hope_tta": Look(BLACK, "X", SOLID),
    "hope_on_b": Look(ROSE, "*", DASH_DOTTED),
    "hope_on_ab": Look(ROSE, "8", DASH_DOTTED),
    "mean_map": Look(GREY, "x", DASH_DOTTED),
    "linear_extrapolation": Look(GREY, "+", DASHED),
    "vit_ac": Look(BLUE, "o", SOLID),
    PERSISTENCE: Look(GREY, "", DOTTED),
}
SPARE = [Look(colour, "*", SOLID) for colour in (GREEN, BLACK, PURPLE, SKY, ORANGE)]


def look(name: str) -> Look:
    """The look of a method or model; a name that is not known here gets one by its checksum."""
    return LOOKS.get(name) or SPARE[zlib.crc32(name.encode()) % len(SPARE)]


@contextlib.contextmanager
def styled(figures: settings.Figures) -> Iterator[None]:
    """Draw and save under the settings of the thesis; nothing global stays changed."""
    size = figures.font_pt
    options = {
        "font.family": "DejaVu Sans",
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "legend.fontsize": size,
        "legend.frameon": False,
        "legend.handlelength": 2.4,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.titlelocation": "left",
        "lines.linewidth": 1.2,
        "lines.markersize": 3.5,
        "pdf.fonttype": 42,
        "savefig.dpi": "figure",
    }
    with matplotlib.rc_context(options):
        yield


def new_figure(figures: settings.Figures, height_in: float, metrics: Mapping[str, Any]) -> Figure:
    """An empty figure as wide as the text block, with the stamp of the study at its foot."""
    size = STAMP_SCALE * figures.font_pt
    foot = 1.6 * size / POINTS_PER_INCH / height_in
    figure = Figure(figsize=(figures.text_width_in, height_in), dpi=figures.dpi)
    figure.set_layout_engine("constrained", rect=(0, foot, 1, 1 - foot))
    text = figure.text(0.995, 0.25 * foot, stamp(metrics), ha="right", va="bottom", size=size)
    text.set(color="0.35", gid=STAMP_NAME)
    return figure


def save(figure: Figure, plotted: pd.DataFrame, paths: Paths) -> None:
    """Write the figure as PDF and PNG and its numbers as CSV, atomically and without dates.

    Call inside `styled`: the fonts are embedded here.
    """
    layout.settle(figure)
    with files.atomic(paths.pdf) as part:
        about = {"CreationDate": None, "Creator": None, "Producer": None}
        # Of the names that a PDF knows for what it is about, this one takes any text.
        about |= carried("Keywords")
        figure.savefig(part, format="pdf", metadata=about)
    with files.atomic(paths.png) as part:
        figure.savefig(part, format="png", metadata={"Software": None} | carried())
    with files.atomic(paths.csv) as part:
        plotted.to_csv(part, index=False, lineterminator="\n")


def shade_phases(axis: Axes, phases: Sequence[str], named: bool) -> None:
    """Shade B behind a plot over the clips of a stream; `phases` has the phase of every clip."""
    shade_spans(axis, phase_spans(phases), named)


def phase_spans(phases: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Where each phase starts and ends on an axis of clips, whose first lies at 0."""
    table = pd.Series(phases)
    return {
        phase: (clips.index[0] - 0.5, clips.index[-1] + 0.5)
        for phase, clips in table.groupby(table, sort=False)
    }


def shade_spans(axis: Axes, spans: Mapping[str, tuple[float, float]], named: bool) -> None:
    """Shade every B behind a plot, write the phases above it, and set its horizontal limits."""
    for phase, (start, end) in spans.items():
        if phase.startswith("B"):
            axis.axvspan(start, end, color="0.93", zorder=0, linewidth=0)
        if named:
            where = ((start + end) / 2, 1.0)
            axis.annotate(
                PHASES[phase], where, xycoords=("data", "axes fraction"), xytext=(0, 2),
                textcoords="offset points", ha="center", va="bottom",
            )  # fmt: skip
    edges = [edge for span in spans.values() for edge in span]
    axis.set_xlim(min(edges), max(edges))


def wrapped(text: str, figures: settings.Figures) -> list[str]:
    """The lines of a text that is to fill the width of a figure."""
    glyphs = POINTS_PER_INCH * figures.text_width_in / (GLYPH_EM * figures.font_pt)
    return textwrap.wrap(text, int(glyphs))


def plot_curve(axis: Axes, curve: pd.DataFrame, name: str, text: str, offset: int = 0) -> None:
    """Plot `mean` over `k` with the band from `low` to `high`, phase by phase, as `name` looks.

    `offset` moves the markers along, so that those of coinciding curves stay apart.
    """
    shown = look(name)
    above = 3 if shown.dash == SOLID else 4
    for index, (_, part) in enumerate(curve.groupby("phase", sort=False)):
        axis.fill_between(
            part["k"], part["low"], part["high"], color=shown.colour, alpha=0.18, linewidth=0
        )
        axis.plot(
            part["k"], part["mean"], color=shown.colour, linestyle=shown.dash, zorder=above,
            marker=shown.marker, markevery=(offset % len(part), max(1, len(curve) // 9)),
            label=text if index == 0 else None,
        )  # fmt: skip
