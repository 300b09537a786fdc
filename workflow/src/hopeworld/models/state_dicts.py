"""Load predictor weights strictly, from Meta's state dicts and from our own, and say what was done.

Meta's names are ViT-AC's own. What may differ from the predictor's state dict, and nothing else:

    prefixes            module. and backbone. of a training checkpoint, or all under `predictor`
    extrinsics_encoder  Meta always makes one; ignored where the predictor reads no extrinsics
    action_scale        only ours have it; the predictor keeps its own where it is missing
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hopeworld.models.predictor import Predictor
from hopeworld.models.rotary import Rope
from hopeworld.models.vit_ac import Conditions, ViTAC
from hopeworld.settings import VitAC

PREFIXES = ("module.", "backbone.")
OPTIONAL = "action_scale"
UNUSED = ("extrinsics_encoder.weight", "extrinsics_encoder.bias")
KINDS = (
    (".mixer.", "a HOPE predictor's"),
    ("mask_tokens.", "those of the predictor of V-JEPA 2's masked pre-training"),
    ("patch_embed", "an encoder's"),
    ("predictor_blocks.", "a ViT-AC's"),
)
SHOWN = 3


class WrongWeights(ValueError):
    """A state dict that does not belong to this predictor."""


@dataclass(frozen=True)
class LoadReport:
    """What became of a state dict: tensors loaded, names ignored, names kept as they were."""

    loaded: int
    ignored: tuple[str, ...]
    kept: tuple[str, ...]
    stripped: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a log."""
        parts = [f"{self.loaded} tensors loaded"]
        for name in ("ignored", "kept", "stripped"):
            if names := getattr(self, name):
                parts.append(f"{name} {', '.join(names)}")
        return "; ".join(parts)


def load_weights(predictor: Predictor, weights: Mapping[str, Any]) -> LoadReport:
    """Load a state dict, or the one under `predictor` of a checkpoint, in place and strictly.

    Raises:
        WrongWeights: a tensor is missing, left over or of another shape; nothing was loaded then.
    """
    tensors, stripped = _plain(weights)
    own = predictor.state_dict()
    ignored = tuple(name for name in UNUSED if name in tensors and name not in own)
    kept = tuple(name for name in (OPTIONAL,) if name in own and name not in tensors)
    offered = {name: tensor for name, tensor in tensors.items() if name not in ignored}
    _require_fit(own, offered | {name: own[name] for name in kept})
    predictor.load_state_dict(offered | {name: own[name] for name in kept})
    return LoadReport(len(offered), ignored, kept, stripped)


def vit_ac_from(
    weights: Mapping[str, Any],
    grid: tuple[int, int],
    heads: int,
    extrinsics: bool = False,
    rope: Rope = "meta",
) -> tuple[ViTAC, LoadReport]:
    """Build the ViT-AC that a state dict belongs to, and load it.

    Number of heads, grid and whether extrinsics are read cannot be seen in the weights; it reads a
    state where there is a state_encoder. Raises WrongWeights for weights of another kind.
    """
    tensors, _ = _plain(weights)
    try:
        width, feature_width = tensors["predictor_embed.weight"].shape
        action_width = tensors["action_encoder.weight"].shape[1]
        hidden = len(tensors["predictor_blocks.0.mlp.fc1.weight"])
    except KeyError as error:
        found = _found(tensors)
        raise WrongWeights(
            f"no {error.args[0]}: {found}; give the state dict of a ViT-AC"
        ) from error
    if width % heads:
        raise WrongWeights(
            f"width {width} is no multiple of {heads} heads; give the number it was trained with"
        )
    depth = len({name.split(".")[1] for name in tensors if name.startswith("predictor_blocks.")})
    predictor = ViTAC(
        VitAC(depth=depth, width=width, heads=heads, mlp_ratio=hidden / width, rope=rope),
        grid,
        feature_width,
        torch.Generator().manual_seed(0),
        Conditions(action_width, "state_encoder.weight" in tensors, extrinsics),
    )
    return predictor, load_weights(predictor, weights)


def _plain(weights: Mapping[str, Any]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors by the predictor's own names, and what was taken off to get there."""
    stripped = []
    if isinstance(weights.get("predictor"), Mapping):
        weights = weights["predictor"]
        stripped.append("predictor:")
    for prefix in PREFIXES:
        if any(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
            stripped.append(prefix)
    strange = [name for name, value in weights.items() if not isinstance(value, Tensor)]
    if strange or not weights:
        raise WrongWeights(
            f"not a state dict: {_few(strange) or 'it'} holds no tensor; give the predictor's "
            "state dict, or a checkpoint that has it under `predictor`"
        )
    return dict(weights), tuple(stripped)


def _require_fit(own: dict[str, Tensor], offered: dict[str, Tensor]) -> None:
    missing = [name for name in own if name not in offered]
    extra = [name for name in offered if name not in own]
    shapes = [
        f"{name} {tuple(offered[name].shape)}, wanted {tuple(own[name].shape)}"
        for name in own
        if name in offered and offered[name].shape != own[name].shape
    ]
    labelled = {"missing": missing, "left over": extra, "of another shape": shapes}
    faults = [f"{label}: {_few(names)}" for label, names in labelled.items() if names]
    if faults:
        raise WrongWeights(
            f"weights do not fit, {_found(offered)}; {'; '.join(faults)}; load them into a "
            "predictor of their own kind and sizes"
        )


def _found(tensors: Mapping[str, Tensor]) -> str:
    for mark, kind in KINDS:
        if any(mark in name for name in tensors):
            return f"they are {kind}"
    return f"they hold {_few(list(tensors))}"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more
