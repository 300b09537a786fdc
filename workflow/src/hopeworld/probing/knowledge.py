"""What a learner has learnt online, by part, apart from the clip that it is in.

    titan        Deltas of every Titan memory: memory, slow, gates
    cms          online state of the continuum memory system
    parameters   what TTA adapts

A part can be taken out of one learner and given to another of the same weights and method.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hopeworld.adaptation.learner import Learner
from hopeworld.models.state import Leaf, flatten, unflatten

PATHS = {"titan": re.compile(r"mixers\.\d+\.(memory|slow|gates)$"), "cms": re.compile("continuum")}
PARAMETERS = "parameters"
ALL = "all"

Knowledge = dict[str, dict[str, Leaf]]


def take(learner: Learner) -> Knowledge:
    """A copy of every part that a learner of one stream has."""
    flat = flatten(learner.state)
    parts = {
        part: {name: _copy(leaf) for name, leaf in flat.items() if path.match(name)}
        for part, path in PATHS.items()
    }
    parts[PARAMETERS] = {name: _copy(value) for name, value in learner.adapted[0].items()}
    return {part: leaves for part, leaves in parts.items() if _has_tensors(leaves)}


@torch.no_grad()
def give(knowledge: Knowledge, parts: Sequence[str], learner: Learner) -> None:
    """Put a learner of one stream before a clip: these parts learnt, the rest as trained."""
    learner.reset()
    flat = flatten(learner.state)
    for part in PATHS.keys() & parts:
        flat |= knowledge[part]
    learner.state = unflatten(learner.state, flat)
    for name, value in knowledge[PARAMETERS].items() if PARAMETERS in parts else ():
        learner.adapted[0][name].copy_(value)


def parts_of(knowledge: Knowledge) -> dict[str, tuple[str, ...]]:
    """`all`, then every part that there is, with the parts that it stands for; {} for no part."""
    if not knowledge:
        return {}
    return {ALL: tuple(knowledge)} | {part: (part,) for part in knowledge}


def vector(knowledge: Knowledge, part: str) -> np.ndarray:
    """A part, or `all` of them, as one flat float64 vector; of the CMS its deltas."""
    parts = list(knowledge) if part == ALL else [part]
    return np.concatenate([_vector(knowledge[one], one) for one in parts])


def _vector(leaves: Mapping[str, Leaf], part: str) -> np.ndarray:
    counted = [
        leaf.flatten().double().cpu()
        for name, leaf in leaves.items()
        if isinstance(leaf, Tensor) and (part != "cms" or ".deltas." in name)
    ]
    return torch.cat(counted).numpy()


def _copy(leaf: Any) -> Any:
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def _has_tensors(leaves: Mapping[str, Leaf]) -> bool:
    return any(isinstance(leaf, Tensor) and leaf.numel() for leaf in leaves.values())
