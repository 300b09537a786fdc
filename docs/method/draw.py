"""Draw the figures of docs/method.md: python docs/method/draw.py [folder]

block.svg and write.svg are schemes. rules.svg is computed with the write rules of the package, from
random keys and targets alone; its numbers go to rules.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from rules import draw_rules, measure
from schemes import FONT_PT, WIDTH_IN, draw_block, draw_write

from hopeworld.figures.style import styled
from hopeworld.settings import Figures


def main(folder: Path) -> None:
    """Write the figures and the plotted numbers into a folder."""
    numbers = measure()
    with styled(Figures(methods=(), text_width_in=WIDTH_IN, font_pt=FONT_PT, dpi=200)):
        figures = {
            "block": draw_block(),
            "write": draw_write(),
            "rules": draw_rules(numbers, WIDTH_IN),
        }
        for name, figure in figures.items():
            save(figure, folder / f"{name}.svg")
    numbers.to_csv(folder / "rules.csv", index=False, float_format="%.4g", lineterminator="\n")


def save(figure: Figure, path: Path) -> None:
    """As SVG with its letters as outlines, without a date: the same everywhere."""
    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
