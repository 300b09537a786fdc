"""AdamW, what it decays, and its learning rate over the steps."""

from __future__ import annotations

import torch

from hopeworld.models.predictor import Predictor
from hopeworld.settings import Training


def build_optimiser(predictor: Predictor, training: Training) -> torch.optim.AdamW:
    """Return AdamW (0.9, 0.999) with weight decay on matrices alone."""
    decayed, free = split_parameters(predictor)
    groups = [
        {"params": [p for _, p in decayed], "weight_decay": training.weight_decay},
        {"params": [p for _, p in free], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.999))


def split_parameters(predictor: Predictor) -> tuple[list, list]:
    """Return the (name, parameter) pairs with and without weight decay.

    Biases, parameters of one dimension or none, and the names of `predictor.no_decay()` have none.
    Raises ValueError for a name there that is no parameter.
    """
    named = [(name, p) for name, p in predictor.named_parameters() if p.requires_grad]
    exempt = predictor.no_decay()
    unknown = sorted(exempt - {name for name, _ in predictor.named_parameters()})
    if unknown:
        raise ValueError(f"no_decay() names {unknown[0]!r}, which is no parameter of the model")
    decayed, free = [], []
    for name, parameter in named:
        is_free = name in exempt or parameter.ndim <= 1 or name.split(".")[-1] == "bias"
        (free if is_free else decayed).append((name, parameter))
    return decayed, free


def learning_rate(step: int, training: Training) -> float:
    """Return the rate of a step from 1: linear warm-up, constant, linear decay.

    The rate is the peak at the end of warm-up and would be zero one step after the last.
    """
    warm = round(training.warmup_share * training.steps)
    decay = round(training.decay_share * training.steps)
    rise = step / warm if step < warm else 1.0
    left = training.steps - step + 1
    fall = left / decay if left < decay else 1.0
    return training.learning_rate * min(rise, fall)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the same rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate
