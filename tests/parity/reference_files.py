"""Files of reference numbers in the format of compare_with_meta.py, made by the slow reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tests.parity.slow_vit_ac import SlowViTAC, train_step
from torch import Tensor

FEATURES, PATCH_PX, MLP_RATIO = 10, 16, 2


@dataclass(frozen=True)
class Sizes:
    """What differs from case to case."""

    grid: tuple[int, int]
    head_width: int
    heads: int = 2
    depth: int = 2
    batch: int = 2
    steps: int = 4
    action_width: int = 2
    state: bool = False
    extrinsics: bool = False

    @property
    def name(self) -> str:
        """A name that tells cases apart."""
        tokens = "a" + "s" * self.state + "e" * self.extrinsics
        return f"{self.grid[0]}x{self.grid[1]}_hd{self.head_width}_{tokens}{self.action_width}"


def write_reference(path: Path, cases: list[Sizes]) -> Path:
    """Write a file of cases in float32; every weight is random."""
    torch.save({"cases": {sizes.name: make_case(sizes) for sizes in cases}}, path)
    return path


def make_case(sizes: Sizes) -> dict[str, Any]:
    """Weights and inputs of one case, and what the slow reference makes of them."""
    draw = torch.Generator().manual_seed(sizes.head_width)
    weights = random_weights(sizes, draw)
    patches = sizes.grid[0] * sizes.grid[1]
    size = (sizes.batch, sizes.steps, patches, FEATURES)
    x, z_raw = (_normal(draw, *size) for _ in range(2))
    given = _conditions(sizes, draw, sizes.steps)
    trainable = {n: w.clone().requires_grad_(not _unused(n, sizes)) for n, w in weights.items()}
    model = SlowViTAC(trainable, sizes.heads, sizes.grid)
    out = model(x, given).flatten(1, 2)
    seen = {"out": out, "block_out": model.record["block_out"]}
    seen |= {name: model.record[name][0] for name in ("tokens_in", "q0", "k0")}
    train_given = _conditions(sizes, draw, sizes.steps)
    train_given["actions"] = train_given["actions"][:, :-1]
    train = train_step(model, z_raw, train_given, auto_steps=min(3, sizes.steps - 1))
    inputs = {"x": x.flatten(1, 2), "state_dict": weights, **given}
    return {"config": config(sizes), **_single({**inputs, **seen, "train": train})}


def config(sizes: Sizes) -> dict[str, Any]:
    """The arguments of Meta's predictor."""
    return {
        "img_size": tuple(PATCH_PX * side for side in sizes.grid),
        "patch_size": PATCH_PX,
        "embed_dim": FEATURES,
        "predictor_embed_dim": sizes.heads * sizes.head_width,
        "num_heads": sizes.heads,
        "depth": sizes.depth,
        "mlp_ratio": MLP_RATIO,
        "action_embed_dim": sizes.action_width,
        "use_extrinsics": sizes.extrinsics,
    }


def random_weights(sizes: Sizes, draw: torch.Generator) -> dict[str, Tensor]:
    """Meta's state dict, float32 values in float64; it always has an extrinsics_encoder."""
    width, action = sizes.heads * sizes.head_width, sizes.action_width
    hidden = MLP_RATIO * width
    linear = {"predictor_embed": (width, FEATURES), "action_encoder": (width, action)}
    if sizes.state:
        linear["state_encoder"] = (width, action)
    linear["extrinsics_encoder"] = (width, action - 1)
    norms = ["predictor_norm"]
    for layer in range(sizes.depth):
        block = f"predictor_blocks.{layer}"
        linear |= {f"{block}.attn.qkv": (3 * width, width), f"{block}.attn.proj": (width, width)}
        linear |= {f"{block}.mlp.fc1": (hidden, width), f"{block}.mlp.fc2": (width, hidden)}
        norms += [f"{block}.norm1", f"{block}.norm2"]
    linear["predictor_proj"] = (FEATURES, width)
    weights = {}
    for name, (rows, columns) in linear.items():
        weights[f"{name}.weight"] = _normal(draw, rows, columns) / columns**0.5
        weights[f"{name}.bias"] = 0.1 * _normal(draw, rows)
    for name in norms:
        weights[f"{name}.weight"] = 1 + 0.1 * _normal(draw, width)
        weights[f"{name}.bias"] = 0.1 * _normal(draw, width)
    return {name: value.float().double() for name, value in weights.items()}


def _conditions(sizes: Sizes, draw: torch.Generator, steps: int) -> dict[str, Tensor | None]:
    width = sizes.action_width
    widths = {"actions": width, "states": width if sizes.state else None}
    widths["extrinsics"] = width - 1 if sizes.extrinsics else None
    return {
        name: None if width is None else _normal(draw, sizes.batch, steps, width)
        for name, width in widths.items()
    }


def _unused(name: str, sizes: Sizes) -> bool:
    return name.startswith("extrinsics") and not sizes.extrinsics


def _normal(draw: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=draw).double()


def _single(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _single(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_single(part) for part in value]
    return value.detach().float().clone() if isinstance(value, Tensor) else value
