"""Heat maps of transplants: the loss on each domain with the memory of each phase.

A block is one part of one method's memory: rows are states, columns domains. The colour is the
change of the loss against the state before the stream, so that both domains share a scale.
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from hopeworld.evaluation.labels import PHASES, in_order, label

STATES, DOMAINS = ("start", "A1", "B", "A2"), ("A", "B")
PARTS = {"all": "all", "titan": "Titan", "cms": "CMS", "parameters": "weights"}
PER_ROW, TITLE_GLYPHS, BAR_SHARE = 5, 13, 0.12
COLOURS = "PuOr_r"
PERCENT = 100.0

Block = tuple[str, str, np.ndarray]


def blocks(rows: pd.DataFrame) -> list[Block]:
    """Method, part and mean losses [states, domains]; `all` only beside several other parts."""
    means = rows[rows["seed"].isna()]
    found = []
    for method in in_order(means["method"].unique()):
        own = means[means["method"] == method]
        parts = [part for part in PARTS if part in set(own["part"])]
        for part in parts[1:] if len(parts) == 2 else parts:
            table = own[own["part"] == part].pivot(index="state", columns="domain", values="value")
            losses = table.reindex(index=STATES, columns=DOMAINS).to_numpy(float)
            found.append((method, part, losses))
    return found


def row_count(maps: list[Block]) -> int:
    """How many rows of a figure the blocks take."""
    return math.ceil(len(maps) / PER_ROW)


def draw_blocks(figure: Figure, place: Any, maps: list[Block]) -> None:
    """Draw the blocks into one place of a grid, with one colour bar for all."""
    changes = [_change(losses) for *_, losses in maps]
    known = np.concatenate([np.abs(c[np.isfinite(c)]) for c in changes])
    limit = max(float(known.max(initial=0.0)), 0.1)
    norm, columns = Normalize(-limit, limit), min(PER_ROW, len(maps))
    widths = [1.0] * columns + [BAR_SHARE]
    grid = place.subgridspec(row_count(maps), columns + 1, width_ratios=widths)
    for index, block in enumerate(maps):
        row, column = divmod(index, columns)
        _draw_block(figure.add_subplot(grid[row, column]), block, norm, named=column == 0)
    bar = figure.colorbar(ScalarMappable(norm, COLOURS), cax=figure.add_subplot(grid[:, -1]))
    bar.set_label("change of the object loss\nagainst the start (%)")
    bar.outline.set_visible(False)


def _change(losses: np.ndarray) -> np.ndarray:
    """Percent above the state before the stream."""
    return PERCENT * (losses / losses[:1] - 1)


def _draw_block(axis: Axes, block: Block, norm: Normalize, named: bool) -> None:
    method, part, losses = block
    change = _change(losses)
    axis.imshow(change, cmap=COLOURS, norm=norm, aspect="auto")
    for row, column in np.ndindex(losses.shape):
        dark = abs(change[row, column]) > 0.7 * norm.vmax
        text = f"{losses[row, column]:.3f}" if np.isfinite(losses[row, column]) else "NA"
        axis.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    axis.set_xticks(range(len(DOMAINS)), [f"on {domain}" for domain in DOMAINS])
    names = ["start", *(PHASES[state] for state in STATES[1:])]
    axis.set_yticks(range(len(STATES)), names if named else [""] * len(STATES))
    if named:
        axis.set_ylabel("state at the end of")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    name = textwrap.fill(label(method), TITLE_GLYPHS, break_long_words=False)
    axis.set_title(f"{name}\n{PARTS[part]}")
