"""What changes while a run lasts, as a checkpoint holds it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from hopeworld.models.predictor import Predictor
from hopeworld.training.history import Row
from hopeworld.training.validation import Scores


@dataclass(frozen=True)
class Best:
    """The weights to keep, on the CPU, with their scores."""

    step: int
    weights: dict[str, Tensor]
    scores: Scores


@dataclass
class Run:
    """A predictor in training; between episodes, this is all there is to keep.

    The order of the clips follows from `step`, see `episodes.clip_order`.
    """

    predictor: Predictor
    optimiser: torch.optim.Optimizer
    device: torch.device
    step: int = 0
    rows: list[Row] = field(default_factory=list)
    best: Best | None = None

    def keep_if_best(self, scores: Scores, target: float | None) -> None:
        """Copy the weights if their validation loss is the lowest so far.

        With a target, if their object skill is the nearest to it.
        """

        def badness(of: Scores) -> float:
            return of["loss", "all"] if target is None else abs(of["skill", "object"] - target)

        if self.best is None or badness(scores) < badness(self.best.scores):
            state = self.predictor.state_dict()
            weights = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
            self.best = Best(self.step, weights, scores)

    def pack(self) -> dict[str, Any]:
        """Return everything as plain containers of tensors and numbers."""
        return {
            "step": self.step,
            "rows": [tuple(row) for row in self.rows],
            "best": dict(vars(self.best)),
            "predictor": self.predictor.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": _random_state(self.device),
        }

    def unpack(self, state: dict[str, Any]) -> None:
        """Continue from what `pack` returned."""
        self.step = state["step"]
        self.rows = [Row(*row) for row in state["rows"]]
        self.best = Best(**state["best"])
        self.predictor.load_state_dict(state["predictor"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)


@contextlib.contextmanager
def own_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch for the duration of a run, and give the caller's random state back after it."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state
