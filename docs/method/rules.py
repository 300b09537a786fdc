"""The write rules at work on random pairs: what docs/method/rules.svg plots.

W_0 is 0, W2 drawn as in the model, alpha 1, heads and features those of the default study.
"""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from hopeworld.figures.style import BLUE, DASHED, DOTTED, GREEN, GREY, SOLID, VERMILLION
from hopeworld.models.hope.memory import Memory, Pairs, surprise, unit

COLOURS = {"proximal": VERMILLION, "delta": BLUE, "dgd": GREEN}
MARKERS = {"proximal": "^", "delta": "o", "dgd": "s"}
HEAD_WIDTH, FEATURES, TOKENS = 24, 48, 65
REPEATS, PAIR_WEIGHT = 20, 0.3
KNOWN_WEIGHT, FIRST_WEIGHT = 10.0, 0.5
WEIGHTS = [10 ** (power / 4) for power in range(-12, 9)]


def measure() -> pd.DataFrame:
    """What figure rules.svg plots: panel, rule, memory, x, y."""
    rows = []
    for rule in COLOURS:
        for kind in ("linear", "MLP"):
            shares = learn_one_pair(rule, kind)
            rows += [("pair", rule, kind, number, share) for number, share in enumerate(shares)]
        for weight in WEIGHTS:
            fresh, known = learn_one_frame(rule, weight)
            rows += [("new", rule, "MLP", weight, fresh), ("known", rule, "MLP", weight, known)]
    return pd.DataFrame(rows, columns=["panel", "rule", "memory", "x", "y"])


def learn_one_pair(rule: str, kind: str) -> list[float]:
    """Share of what is missing that is learnt after each write of the same pair."""
    memory, generator = new_memory(kind)
    key, target = (unit(draw(generator, 1, HEAD_WIDTH)) for _ in range(2))
    phi = memory.features(key)
    missing = target - memory.recall(key, phi, None)
    delta, shares = memory.initial(1), [0.0]
    for _ in range(REPEATS):
        delta = write(memory, rule, delta, (phi, missing), PAIR_WEIGHT)
        shares.append(float(((phi @ delta.mT) * missing).sum() / missing.square().sum()))
    return shares


def learn_one_frame(rule: str, weight: float) -> tuple[float, float]:
    """Error left on the keys of a written frame and on those of a frame learnt before it.

    The first over the error before the write, the second over that before anything was learnt. The
    keys of a frame lie around a direction of its own; its targets are a linear map of them, another
    for each frame.
    """
    memory, generator = new_memory("MLP")
    known, fresh = (draw_frame(memory, generator) for _ in range(2))
    empty = memory.initial(1)
    before = write(memory, "proximal", empty, known, KNOWN_WEIGHT)
    after = write(memory, rule, before, fresh, weight)
    left = surprise(*fresh, after).mean() / surprise(*fresh, before).mean()
    lost = surprise(*known, after).mean() / surprise(*known, empty).mean()
    return float(left), float(lost)


def write(
    memory: Memory, rule: str, delta: Tensor, step: tuple[Tensor, Tensor], weight: float
) -> Tensor:
    """Delta after a step of features and errors whose tokens all have the same weight."""
    tokens = step[0].shape[-2]
    weights = torch.full((1, 1, tokens), weight, dtype=delta.dtype)
    return memory.write(rule, delta, Pairs(*step, weights, torch.ones_like(weights[..., 0])))


def draw_frame(memory: Memory, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Features of a frame's keys, and what the initial memory misses of their targets."""
    common = unit(draw(generator, 1, HEAD_WIDTH))
    keys = unit(common + unit(draw(generator, TOKENS, HEAD_WIDTH)))
    targets = unit(keys @ draw(generator, HEAD_WIDTH, HEAD_WIDTH))
    phi = memory.features(keys)
    return phi, targets - memory.recall(keys, phi, None)


def new_memory(kind: str) -> tuple[Memory, torch.Generator]:
    """A memory of one head with W_0 = 0 and W2 as the model draws it, and what it was drawn by."""
    generator = torch.Generator().manual_seed(0)
    memory = Memory(1, 1, (HEAD_WIDTH, HEAD_WIDTH), FEATURES if kind == "MLP" else None).double()
    memory.requires_grad_(False)
    if memory.inner is not None:
        memory.inner.normal_(generator=generator)
    return memory, generator


def draw(generator: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers for one memory, sample and head."""
    return torch.randn((1, 1, 1, *shape), generator=generator, dtype=torch.float64)


def draw_rules(numbers: pd.DataFrame, width_in: float) -> Figure:
    """A pair that is written again and again, and one frame at every strength."""
    figure = Figure(figsize=(width_in, 2.6), layout="constrained")
    axes = dict(zip(("pair", "new", "known"), figure.subplots(1, 3), strict=True))
    name_axes(axes)
    for (panel, rule, kind), part in numbers.groupby(["panel", "rule", "memory"], sort=False):
        dash = DASHED if kind == "MLP" and panel == "pair" else SOLID
        axes[panel].plot(
            part["x"], part["y"], color=COLOURS[rule], linestyle=dash, marker=MARKERS[rule],
            markevery=(1 + list(COLOURS).index(rule), 4), label=rule if panel == "new" else None,
        )  # fmt: skip
    for kind, dash in (("linear memory", SOLID), ("residual MLP (left)", DASHED)):
        axes["pair"].plot([], [], color="0.25", linestyle=dash, label=kind)
    figure.legend(loc="outside lower center", ncols=5, columnspacing=1.4)
    return figure


def name_axes(axes: dict[str, Axes]) -> None:
    """Titles, labels, ranges, and dotted lines at shares and at the first weight."""
    pair, fresh, known = axes.values()
    pair.set(title="one pair, again and again", xlabel="writes", ylabel="share learnt")
    pair.set(xlim=(0, REPEATS), xticks=range(0, REPEATS + 1, 5))
    for share in (0.5, 1.0):
        pair.axhline(share, color=GREY, linestyle=DOTTED, zorder=0)
    fresh.set(title="a frame that is written", ylabel="share of the error left")
    known.set(title="a frame learnt before")
    for axis in (fresh, known):
        axis.set(xscale="log", xlabel="weight $w$ of each token")
        axis.axvline(FIRST_WEIGHT, color=GREY, linestyle=DOTTED, zorder=0)
    for axis in axes.values():
        axis.set(ylim=(0, 1.06))
    known.tick_params(labelleft=False)
