"""Read V-JEPA 2 encoder weights from the two formats in which they are published.

Both readers return the state of the transformers encoder (names without prefix) and an origin
string. They do not check completeness: `weights` compares with the architecture, strictly.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch
from einops import rearrange
from safetensors import SafetensorError, safe_open

from hopeworld.features.manifest import WeightsError, digest

State = dict[str, torch.Tensor]

META_KEYS = ("target_encoder", "encoder")
META_PREFIXES = ("module.", "backbone.")
META_NAMES = (
    (r"^patch_embed\.", "embeddings.patch_embeddings."),
    (r"^blocks\.(\d+)\.attn\.", r"layer.\1.attention."),
    (r"^blocks\.", "layer."),
    (r"^norm\.", "layernorm."),
)


def read_transformers(folder: Path) -> tuple[State, str]:
    """Read the encoder of a folder that `VJEPA2Model.save_pretrained` made (safetensors)."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(folder, "no *.safetensors in it", "name a folder in that format")
    state: State = {}
    for file in files:
        try:
            with safe_open(file, "pt") as opened:
                names = {n: n.removeprefix("vjepa2.") for n in opened.keys()}  # noqa: SIM118
                state |= {
                    short.removeprefix("encoder."): opened.get_tensor(name)
                    for name, short in names.items()
                    if short.startswith("encoder.")
                }
        except SafetensorError as error:
            raise WeightsError(file, f"unreadable ({error})", "fetch it again") from error
    return state, f"transformers folder {folder.name}, sha256 {digest(files)}"


def read_meta(file: Path) -> tuple[State, str]:
    """Read Meta's own .pt: the exponential moving average `target_encoder` where there is one."""
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(file, f"unreadable ({reason})", "use Meta's .pt as published") from error
    key = next((name for name in META_KEYS if name in checkpoint), None)
    if key is None:
        found = ", ".join(sorted(map(str, checkpoint)))
        remedy = f"the encoder is expected under {' or '.join(META_KEYS)}"
        raise WeightsError(file, f"holds only {found}", remedy)
    print(f"features: {file} holds its encoder under `{key}`", flush=True)
    return from_meta(checkpoint[key]), f"Meta {file.name}, key {key}, sha256 {digest([file])}"


def from_meta(state: State) -> State:
    """Rename Meta's parameters and split the fused qkv rows into query, key and value.

    `pos_embed` is left out: the rotary model has no such parameter, yet published files carry it.
    """
    renamed: State = {}
    for name, value in state.items():
        short = _rename(name)
        if short == "pos_embed":
            continue
        if ".qkv." not in short:
            renamed[short] = value
            continue
        parts = rearrange(value, "(three rows) ... -> three rows ...", three=3)
        for part, rows in zip(("query", "key", "value"), parts, strict=True):
            renamed[short.replace("qkv", part)] = rows.clone()
    return renamed


def _rename(name: str) -> str:
    for prefix in META_PREFIXES:
        name = name.removeprefix(prefix)
    for pattern, replacement in META_NAMES:
        name = re.sub(pattern, replacement, name)
    return name
