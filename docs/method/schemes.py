"""Schemes of docs/method.md: a block of each predictor, and one write of a memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from hopeworld.figures.style import SOLID

WIDTH_IN, FONT_PT, SMALL_PT = 6.0, 8.0, 7.2
PLAIN, MEMORY, STATE = "white", "#FBE3D6", "#E3F0F8"


@dataclass(frozen=True)
class Box:
    """A drawn box, for arrows to start from and end at."""

    x: float
    y: float
    width: float
    height: float

    def side(self, name: str, shift: float = 0.0) -> tuple[float, float]:
        """The middle of a side, moved along it by `shift` inches."""
        x, y, half, tall = self.x, self.y, self.width / 2, self.height / 2
        places = {"top": (x + shift, y + tall), "bottom": (x + shift, y - tall)}
        return (places | {"left": (x - half, y + shift), "right": (x + half, y + shift)})[name]


class Canvas:
    """A page measured in inches, with boxes, arrows and words."""

    def __init__(self, height_in: float):
        self.figure = Figure(figsize=(WIDTH_IN, height_in))
        self.axis = self.figure.add_axes((0, 0, 1, 1))
        self.axis.set(xlim=(0, WIDTH_IN), ylim=(0, height_in))
        self.axis.axis("off")

    def box(
        self, text: str, place: tuple[float, float], size: tuple[float, float], fill: str = PLAIN
    ) -> Box:
        """A box with words in its middle; `place` is that middle."""
        box = Box(*place, *size)
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        style = "round,pad=0,rounding_size=0.05"
        edge = FancyBboxPatch(corner, *size, boxstyle=style, fc=fill, ec="0.25", lw=0.7, zorder=2)
        self.axis.add_patch(edge)
        self.words(text, place)
        return box

    def area(self, name: str, low: tuple[float, float], high: tuple[float, float]) -> None:
        """A named region behind the boxes; the name stands in its upper right corner."""
        width, height = high[0] - low[0], high[1] - low[1]
        region = Rectangle(low, width, height, fc="0.965", ec="0.7", lw=0.6, ls="--", zorder=0)
        self.axis.add_patch(region)
        self.words(name, (high[0] - 0.07, high[1] - 0.13), ha="right", color="0.3")

    def words(self, text: str, place: tuple[float, float], **look: str) -> None:
        """Words, centred unless told otherwise."""
        self.axis.text(*place, text, **{"ha": "center", "va": "center", "size": FONT_PT, **look})

    def arrow(
        self, *points: tuple[float, float], dash: object = SOLID, colour: str = "0.25"
    ) -> None:
        """A line through the points with a head at the last one."""
        if len(points) > 2:
            across, up = zip(*points[:-1], strict=True)
            self.axis.plot(
                across, up, color=colour, lw=0.8, ls=dash, zorder=1, solid_capstyle="butt"
            )
        look = {"arrowstyle": "-|>,head_length=0.32,head_width=0.14", "lw": 0.8, "ls": dash}
        look |= {"color": colour, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 10}
        self.axis.annotate("", xy=points[-1], xytext=points[-2], arrowprops=look, zorder=1)

    def plus(self, place: tuple[float, float]) -> Box:
        """The sign of a residual sum."""
        self.axis.plot(*place, "o", ms=10, mfc="white", mec="0.25", mew=0.7, zorder=2)
        self.axis.plot(*place, "+", ms=6, mec="0.25", mew=0.9, zorder=3)
        return Box(*place, 10 / 72, 10 / 72)


def draw_block() -> Figure:
    """One block of each predictor, side by side, from the top down."""
    page = Canvas(5.2)
    draw_vit_block(page, 0.95)
    draw_hope_block(page, 3.2)
    return page.figure


def draw_vit_block(page: Canvas, x: float) -> None:
    """Norm, attention, norm, MLP."""
    page.words("ViT-AC block", (x, 5.05), weight="bold")
    start = page.box("tokens $x$  $[B, t, S, C]$", (x, 4.75), (1.5, 0.26))
    norm = page.box("LayerNorm", (x, 4.1), (1.5, 0.26))
    text = "attention, 3D RoPE,\nto this step and all\nearlier ones of the clip"
    attention = page.box(text, (x, 3.1), (1.5, 0.56), MEMORY)
    first = page.plus((x, 2.2))
    middle = page.box("LayerNorm", (x, 1.53), (1.5, 0.26))
    mlp = page.box("MLP  $C \\to 4C \\to C$", (x, 1.05), (1.5, 0.26))
    second = page.plus((x, 0.6))
    end = page.box("tokens $x$", (x, 0.15), (1.5, 0.26))
    join(page, (start, norm, attention, first, middle, mlp, second, end))
    skip(page, first, norm)
    skip(page, second, middle)


def draw_hope_block(page: Canvas, x: float) -> None:
    """Norm, Titan memory, three levels; what each of them keeps stands beside it."""
    page.words("AC-HOPE-ViT block", (x, 5.05), weight="bold")
    page.words("state, per sample", (5.17, 5.05), weight="bold")
    page.area("phase A: memory", (x - 1.0, 2.02), (5.94, 4.52))
    page.area("phase B: continuum", (x - 1.0, 0.38), (5.94, 1.9))
    start = page.box("tokens $x$  $[B, t, S, C]$", (x, 4.75), (1.5, 0.26))
    norm = page.box("LayerNorm", (x, 4.1), (1.5, 0.26))
    mixing = page.box("local mixing", (x, 3.72), (1.5, 0.26))
    content = page.box("$q, k, v, \\eta, \\alpha$, targets", (x, 3.34), (1.5, 0.26), MEMORY)
    write = page.box("write the step", (x, 2.96), (1.5, 0.26), MEMORY)
    read = page.box("read at $q$, norm, $W_o$", (x, 2.58), (1.5, 0.26), MEMORY)
    first = page.plus((x, 2.2))
    names = ("fast", "medium", "slow")
    levels = [
        page.box(f"{name}:  $x + f(\\mathrm{{LN}}\\,x)$", (x, 1.5 - 0.38 * row), (1.5, 0.26))
        for row, name in enumerate(names)
    ]
    end = page.box("tokens $x$", (x, 0.15), (1.5, 0.26))
    join(page, (start, norm, mixing, content, write, read, first, *levels, end))
    skip(page, first, norm)
    draw_states(page, (mixing, content, write, read), levels)


def draw_states(page: Canvas, users: tuple[Box, Box, Box, Box], levels: list[Box]) -> None:
    """The state of a layer, and which part reads and writes it."""
    mixing, content, write, read = users
    recent = page.box("the last three frames", (5.17, mixing.y), (1.4, 0.26), STATE)
    page.arrow(recent.side("left"), mixing.side("right"))
    text = "$\\Delta$ of $M$, $M_k$, $M_v$,\n$M_\\eta$ and $M_\\alpha$,\nkept from clip to clip"
    memories = page.box(text, (5.17, write.y), (1.4, 1.02), STATE)
    for user, name in ((content, "before"), (write, "write"), (read, "after")):
        ends = memories.side("left", user.y - memories.y), user.side("right")
        page.arrow(*(reversed(ends) if user is write else ends))
        page.words(name, (4.21, user.y + 0.08), size=SMALL_PT)
    for level, period in zip(levels, (1, 4, 16), strict=True):
        delta = page.box(f"$\\Delta$, sum; $p = {period}$", (5.17, level.y), (1.4, 0.26), STATE)
        page.arrow(delta.side("left"), level.side("right"))
    page.words("updated when $z_{t+1}$ is seen", (5.17, 0.5), size=SMALL_PT)


def join(page: Canvas, column: tuple[Box, ...]) -> None:
    """Arrows down a column."""
    for upper, lower in pairwise(column):
        page.arrow(upper.side("bottom"), lower.side("top"))


def skip(page: Canvas, plus: Box, norm: Box) -> None:
    """The residual path, from above a norm to the sum below."""
    turn, height = plus.x - 0.87, norm.side("top")[1] + 0.12
    page.arrow((plus.x, height), (turn, height), (turn, plus.y), plus.side("left"))


def draw_write() -> Figure:
    """What flows where in one write and the read that follows it."""
    page = Canvas(4.15)
    text = "tokens $x$ of step $t$, normed and mixed: the action and $P$ patches  $[S, C]$"
    tokens = page.box(text, (3.0, 3.95), (5.8, 0.28))
    key = page.box("$\\tilde{k} = \\ell_2(M_k(W_k x))$", (0.8, 3.3), (1.4, 0.3), MEMORY)
    value = page.box("$v = \\ell_2(M_v(W_v x))$", (2.3, 3.3), (1.4, 0.3), MEMORY)
    rates = page.box("$\\eta_i, \\alpha$ by $M_\\eta, M_\\alpha$", (3.8, 3.3), (1.4, 0.3), MEMORY)
    query = page.box("$q = \\ell_2(R\\,W_q x)$", (5.25, 3.3), (1.3, 0.3))
    for box in (key, value, rates, query):
        page.arrow((box.x, tokens.side("bottom")[1]), box.side("top"))
    turned = page.box("$k = R\\,\\tilde{k}$", (0.8, 2.7), (1.4, 0.3))
    target = page.box("$\\hat{v} = \\ell_2(M(v))$", (2.3, 2.7), (1.4, 0.3), MEMORY)
    pairs = page.box("surprise  $r_i = |M(k_i) - \\hat{v}_i|^2$", (1.55, 2.1), (2.3, 0.3), MEMORY)
    weight = page.box("$w_i = s\\,\\eta_i\\,g(r_i)$", (3.6, 2.1), (1.0, 0.3))
    draw_exchange(page, query, (rates, weight, pairs))
    page.arrow(key.side("bottom"), turned.side("top"))
    page.arrow(value.side("bottom"), target.side("top"))
    for box in (turned, target):
        page.arrow(box.side("bottom"), pairs.side("top", box.x - pairs.x))
    page.arrow(pairs.side("right"), weight.side("left"))
    page.arrow(rates.side("bottom", weight.x - rates.x), weight.side("top"))
    return page.figure


def draw_exchange(page: Canvas, query: Box, inputs: tuple[Box, Box, Box]) -> None:
    """The write, the state around it, and the read."""
    rates, weight, pairs = inputs
    rule = (
        "write:  $\\Delta' = (\\alpha\\Delta + U^T\\Omega\\Phi)\\,(I + \\Phi^T\\Omega\\Phi)^{-1}$"
    )
    others = "$M$ at $k$ with $w$;  $M_k, M_v, M_\\eta, M_\\alpha$ at $\\tilde{k}$ with $0.02\\,w$"
    write = page.box(f"{rule}\n{others}", (2.3, 1.32), (4.4, 0.5), MEMORY)
    old = page.box("$\\Delta$ before step $t$", (0.8, 0.55), (1.4, 0.3), STATE)
    new = page.box("$\\Delta'$ after step $t$", (3.6, 0.55), (1.4, 0.3), STATE)
    read = page.box("$y = W_o\\,$norm$\\,M'(q)$", (5.25, 0.55), (1.3, 0.3), MEMORY)
    page.arrow(pairs.side("bottom"), write.side("top", pairs.x - write.x))
    page.words("pairs $(k_i, \\hat{v}_i)$", (1.63, 1.76), ha="left", size=SMALL_PT)
    page.arrow(weight.side("bottom"), write.side("top", weight.x - write.x))
    page.arrow(rates.side("bottom", 0.5), write.side("top", 2.0))
    page.words("$\\eta$", (3.68, 2.7), ha="left", size=SMALL_PT)
    page.words("$\\alpha$", (4.38, 2.1), ha="left", size=SMALL_PT)
    page.arrow(old.side("top"), write.side("bottom", old.x - write.x))
    page.arrow(write.side("bottom", new.x - write.x), new.side("top"))
    page.arrow(new.side("right"), read.side("left"))
    page.arrow(query.side("bottom"), read.side("top"))
    page.words("read after\nthe write", (5.33, 1.9), ha="left", size=SMALL_PT)
    page.arrow(read.side("bottom"), (read.x, 0.12))
    note = "orange: memories answer, with $\\Delta$, or are written; the read alone has $\\Delta'$"
    page.words(note, (0.1, 0.14), ha="left", size=SMALL_PT, color="0.3")
