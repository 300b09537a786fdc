"""Compare ViT-AC with numbers that Meta's predictor made.

    python tests/parity/compare_with_meta.py FILE

FILE is a torch file, {"cases": {name: case}}. A case holds `config` (Meta's arguments),
`state_dict`, `x` [B, T*P, D], `actions` [B, T, A], `states` and `extrinsics` or None, and `out`;
where they were recorded also `tokens_in`, `q0`, `k0` (block 0, rotated) and `block_out`. `train`,
if it is there, holds `z_raw`, `z`, `actions`, `states`, `extrinsics`, `auto_steps`, and of one
training step `z_tf`, `z_ar`, `jloss`, `sloss`, `loss` and `grads`.

Prints the largest absolute difference of each, and for the gradients the largest difference in a
tensor over its largest entry. Exit 0: within 1e-5 (gradients 1e-4). 1: beyond. 2: no such file.
"""

from __future__ import annotations

import math
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "src"))

from hopeworld.models.predictor import BadInput, standardise
from hopeworld.models.state_dicts import WrongWeights, vit_ac_from
from hopeworld.models.vit_ac import Cache, ViTAC

ABSOLUTE, RELATIVE = 1e-5, 1e-4
NEGLIGIBLE = 1e-6
SUPPORTED = {"use_rope": True, "is_frame_causal": True, "use_silu": False, "qkv_bias": True}
CONDITIONS = ("actions", "states", "extrinsics")

Case = dict[str, Any]
Given = dict[str, Tensor | None]


class WrongFile(ValueError):
    """Not a file of reference numbers, or one of another kind of model."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was compared, by how much it differs, how much is allowed."""

    name: str
    difference: float
    allowed: float = ABSOLUTE

    @property
    def fits(self) -> bool:
        """Whether the difference is allowed; NaN is not."""
        return self.difference <= self.allowed


def main(arguments: list[str]) -> int:
    """Compare every case of the file; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python tests/parity/compare_with_meta.py FILE", file=sys.stderr)
        return 2
    try:
        rows = {name: compare(name, case) for name, case in read_cases(arguments[0]).items()}
    except WrongFile as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 2
    failed = [f"{name} {row.name}" for name in rows for row in rows[name] if not row.fits]
    limits = f"{ABSOLUTE:g} (gradients {RELATIVE:g} relative)"
    print(f"FAILED, beyond {limits}: " + ", ".join(failed) if failed else f"OK, within {limits}")
    return 1 if failed else 0


def read_cases(path: str) -> dict[str, Case]:
    """Read the cases; raises WrongFile if it is no such file."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WrongFile(
            "no torch file of plain tensors; give a file of reference numbers"
        ) from error
    except OSError as error:
        raise WrongFile(f"{error.strerror}; give a file of reference numbers") from error
    cases = content.get("cases") if isinstance(content, dict) else None
    if not isinstance(cases, dict) or not cases:
        raise WrongFile("it holds no `cases`; give a file of reference numbers")
    return cases


def compare(name: str, case: Case) -> list[Row]:
    """Run one case and print its table; raises WrongFile if it is not in the format."""
    print(name)
    try:
        predictor = build(case)
        rows = forward_rows(predictor, case)
        if case.get("train") is not None:
            rows += training_rows(predictor, case["train"])
    except (WrongFile, WrongWeights, BadInput) as error:
        raise WrongFile(f"case {name}: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        raise WrongFile(
            f"case {name}: not in the format ({problem}); it is at the top of this script"
        ) from error
    for row in rows:
        print(f"  {row.name:<36} {row.difference:8.1e}{'' if row.fits else '   too large'}")
    return rows


def build(case: Case) -> ViTAC:
    """The ViT-AC of a case's sizes, with its weights."""
    config, weights = case["config"], dict(case["state_dict"])
    for key, value in SUPPORTED.items():
        if config.get(key, value) != value:
            raise WrongFile(f"{key} = {config[key]}; ViT-AC has {key} = {value} only")
    if case.get("states") is None:
        weights = {k: v for k, v in weights.items() if "state_encoder." not in k}
    size, patch = config.get("img_size", (224, 224)), config.get("patch_size", 16)
    height, width = (size, size) if isinstance(size, int) else size
    predictor, report = vit_ac_from(
        weights,
        grid=(height // patch, width // patch),
        heads=config.get("num_heads", 16),
        extrinsics=config.get("use_extrinsics", False),
    )
    print(f"  {predictor.grid[0]} x {predictor.grid[1]} patches, {predictor.settings}")
    print(f"  reads {', '.join(predictor.conditions.widths)}; {report}")
    return predictor


def forward_rows(predictor: ViTAC, case: Case) -> list[Row]:
    """Differences of one pass, from the tokens to the output, and of the same step by step."""
    x, given = by_step(predictor, case["x"]), conditions(case)
    blocks: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _block, _inputs, output: blocks.append(output[0]))
        for block in predictor.predictor_blocks
    ]
    with torch.no_grad():
        out, _ = predictor(x, **given)
        for hook in hooks:
            hook.remove()
        named = dict(zip(("action", "state", "extrinsics"), given.values(), strict=True))
        tokens = predictor.tokens(x, named)
        first, tables = predictor.predictor_blocks[0], predictor.rotation(0, x.shape[1])
        q, k, _ = first.attn.project(first.norm1(tokens), tables)
        stepwise = step_by_step(predictor, x, given)
    inner = {"tokens_in": [tokens.flatten(1, 2)], "q0": [q], "k0": [k]}
    inner["block_out"] = [block.flatten(1, 2) for block in blocks]
    rows = [inner_row(name, ours, case[name]) for name, ours in inner.items() if name in case]
    rows.append(Row("out", difference([out.flatten(1, 2)], case["out"])))
    return [*rows, Row("out, cached, step by step", difference([stepwise], case["out"]))]


def inner_row(name: str, ours: list[Tensor], reference: Tensor | list[Tensor]) -> Row:
    """Difference of what is inside the network; entries beyond 1 may differ in proportion.

    The residual stream grows with every block, and the rounding of float32 with it.
    """
    largest = max(float(part.abs().max()) for part in ours)
    return Row(name, difference(ours, reference), ABSOLUTE * max(1.0, largest))


def step_by_step(predictor: ViTAC, x: Tensor, given: Given) -> Tensor:
    """The outputs of one pass, from the cache of keys and values."""
    past, outs = None, []
    for step in range(x.shape[1]):
        out, past = predictor(x[:, step : step + 1], past=past, **cut(given, step, step + 1))
        outs.append(out)
    return torch.cat(outs, 1).flatten(1, 2)


def training_rows(predictor: ViTAC, train: Case) -> list[Row]:
    """Differences of one training step: Meta's teacher forcing, rollout, losses and gradients."""
    z, given, count = standardise(train["z_raw"].float()), conditions(train), train["auto_steps"]
    rows = [Row("z", difference([z], train["z"]))]
    z = by_step(predictor, z)
    raw, cache = predictor(z[:, :-1], **cut(given, 0, z.shape[1] - 1))
    forced = standardise(raw)
    tokens = cache[0][0].shape[2] // forced.shape[1]
    past = tuple((k[:, :, :tokens], v[:, :, :tokens]) for k, v in cache)
    rolled = roll_out(predictor, forced[:, :1], past, given, count)
    with torch.no_grad():
        again = roll_out_uncached(predictor, z[:, :1], given, count)
    power = train.get("loss_exp", 1.0)
    jloss, sloss = (error(part, z[:, 1:], power) for part in (forced, rolled))
    ours = {"z_tf": forced.flatten(1, 2), "z_ar": rolled.flatten(1, 2)}
    ours |= {"jloss": jloss, "sloss": sloss, "loss": jloss + sloss}
    rows += [Row(name, difference([value], train[name])) for name, value in ours.items()]
    rows.append(Row("z_ar, uncached", difference([again.flatten(1, 2)], train["z_ar"])))
    (jloss + sloss).backward()
    return [*rows, gradient_row(predictor, train["grads"])]


def roll_out(
    predictor: ViTAC, first: Tensor, past: tuple[Cache, ...], given: Given, count: int
) -> Tensor:
    """Steps 1 ... count on the model's own predictions, from the first one and its cache."""
    latents = [first]
    for step in range(1, count):
        raw, past = predictor(latents[-1], past=past, **cut(given, step, step + 1))
        latents.append(standardise(raw))
    return torch.cat(latents, 1)


def roll_out_uncached(predictor: ViTAC, start: Tensor, given: Given, count: int) -> Tensor:
    """The same from z_0, every step from the whole past, as Meta does it."""
    latents = start
    for step in range(count):
        raw, _ = predictor(latents, **cut(given, 0, step + 1))
        latents = torch.cat((latents, standardise(raw[:, -1:])), 1)
    return latents[:, 1:]


def error(predicted: Tensor, truth: Tensor, power: float) -> Tensor:
    """mean |p - z|^power / power over the steps that were predicted (V-JEPA 2-AC, train.py)."""
    return ((predicted - truth[:, : predicted.shape[1]]).abs() ** power).mean() / power


def gradient_row(predictor: ViTAC, wanted: dict[str, Tensor | None]) -> Row:
    """The parameter whose gradient differs most; a gradient that is not there is zero.

    A tensor with no entry above NEGLIGIBLE times the largest entry of all is rounding of zero, and
    is measured against that.
    """
    ours = {name: p.grad for name, p in predictor.named_parameters() if p.grad is not None}
    theirs = {name: gradient for name, gradient in wanted.items() if gradient is not None}
    if not theirs:
        raise WrongFile("train.grads is empty; record the gradients, or leave `train` out")
    largest = {name: float(gradient.abs().max()) for name, gradient in theirs.items()}
    floor = NEGLIGIBLE * max(largest.values())
    ratios = {}
    for name in ours.keys() | theirs.keys():
        nothing = torch.zeros_like(ours.get(name, theirs.get(name)))
        gap = difference([ours.get(name, nothing)], theirs.get(name, nothing))
        ratios[name] = gap / max(largest.get(name, 0.0), floor)
    name = max(ratios, key=lambda n: math.inf if math.isnan(ratios[n]) else ratios[n])
    return Row(f"gradients, {name}", ratios[name], RELATIVE)


def difference(ours: list[Tensor], reference: Tensor | list[Tensor]) -> float:
    """The largest absolute difference; NaN if there is one. Raises WrongFile if shapes differ."""
    theirs = [reference] if isinstance(reference, Tensor) else list(reference)
    found, wanted = [tuple(one.shape) for one in theirs], [tuple(one.shape) for one in ours]
    if found != wanted:
        raise WrongFile(f"shapes {found} in the file, {wanted} by its config")
    gaps = [(a.detach() - b.float()).abs().max() for a, b in zip(ours, theirs, strict=True)]
    return float(torch.stack(gaps).max())


def by_step(predictor: ViTAC, flat: Tensor) -> Tensor:
    """[B, T*P, D] to [B, T, P, D]."""
    return flat.float().unflatten(1, (-1, predictor.grid[0] * predictor.grid[1]))


def conditions(case: Case) -> Given:
    """Actions, states and extrinsics of a case, in the order and by the names of ViTAC.forward."""
    values = {name: case.get(name) for name in CONDITIONS}
    return {name: None if value is None else value.float() for name, value in values.items()}


def cut(given: Given, start: int, stop: int) -> Given:
    """The conditions of steps start ... stop - 1."""
    return {k: None if value is None else value[:, start:stop] for k, value in given.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
