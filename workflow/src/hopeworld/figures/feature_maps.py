"""Features of one clip of B as colours: the true latents beside the predicted ones, one basis."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hopeworld import files, settings
from hopeworld.evaluation.labels import label
from hopeworld.figures import style
from hopeworld.figures.examples import Example, Inputs, read_example

COMPONENTS = ("red", "green", "blue")
RANGE = (0.01, 0.99)
TITLE_GLYPHS, NAMES_IN, EXTRA_IN = 12, 0.95, 0.65
TRUE = "true"


def draw(inputs: Inputs, figures: settings.Figures, output: style.Paths) -> None:
    """Write the figure and its numbers."""
    with style.styled(figures):
        style.save(*compose(inputs, figures), output)


def compose(inputs: Inputs, figures: settings.Figures) -> tuple[Figure, pd.DataFrame]:
    """The figure and its numbers: clip, row, t, patch, red, green, blue in [0, 1], variance_share.

    variance_share: of the true features, in the three components.
    """
    metrics = files.read_json(inputs.metrics)
    example = read_example(inputs, metrics["twins"])
    basis, low, high, share = fit_basis(example.truth)
    rows = {TRUE: (0, example.truth)} | {n: (1, p) for n, p in example.predictions.items()}
    colours = {
        name: (first, np.clip((values @ basis - low) / (high - low), 0, 1))
        for name, (first, values) in rows.items()
    }
    steps = len(example.truth)
    width = (figures.text_width_in - NAMES_IN) / steps
    figure = style.new_figure(figures, width * (len(rows) + 1) + EXTRA_IN, metrics)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015)
    axes = figure.subplots(len(rows) + 1, steps, squeeze=False)
    for t in range(steps):
        axes[0, t].imshow(example.frame_of(t))
        axes[0, t].set_title(f"$z_{t}$", loc="center")
    for row, (first, values) in enumerate(colours.values(), start=1):
        for t in range(first, steps):
            axes[row, t].imshow(values[t - first].reshape(*example.grid, 3))
    _name_rows(axes, list(rows))
    figure.suptitle(
        f"Red, green, blue: three principal components of the true features ({share:.0%} of their "
        "variance)",
        fontsize=figures.font_pt,
    )
    return figure, _numbers(example, colours, share)


def fit_basis(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Principal components of true features [T, P, D]: basis [D, 3], range [3] of the scores each
    way, and the share of the variance; nothing is centred but by the range.

    The sign of a component is that of its largest weight, so that it is the same every time.
    """
    features = truth.reshape(-1, truth.shape[-1]).astype(np.float64)
    _, scales, rows = np.linalg.svd(features - features.mean(0), full_matrices=False)
    basis = rows[: len(COMPONENTS)].T
    basis = basis * np.sign(basis[np.abs(basis).argmax(0), range(basis.shape[1])])
    low, high = np.quantile(features @ basis, RANGE, axis=0)
    share = (scales[: len(COMPONENTS)] ** 2).sum() / (scales**2).sum()
    return basis, low, np.maximum(high, low + 1e-9), float(share)


def _name_rows(axes: np.ndarray, names: list[str]) -> None:
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    texts = ["frame", "true features", *(label(name) for name in names[1:])]
    for axis, text in zip(axes[:, 0], texts, strict=True):
        _name(axis, textwrap.fill(text, TITLE_GLYPHS, break_long_words=False))


def _name(axis: Axes, text: str) -> None:
    axis.set_ylabel(text, rotation=0, ha="right", va="center")


def _numbers(
    example: Example, colours: dict[str, tuple[int, np.ndarray]], share: float
) -> pd.DataFrame:
    parts = []
    for name, (first, values) in colours.items():
        steps, patches = values.shape[:2]
        place = {
            "clip": example.clip,
            "row": name,
            "t": np.repeat(np.arange(first, first + steps), patches),
            "patch": np.tile(np.arange(patches), steps),
        }
        shown = dict(zip(COMPONENTS, values.reshape(-1, len(COMPONENTS)).T, strict=True))
        parts.append(pd.DataFrame(place | shown))
    return pd.concat(parts, ignore_index=True).assign(variance_share=share)
