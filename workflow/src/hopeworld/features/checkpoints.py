"""Read V-JEPA 2 encoder weights from the two formats in which they are published.

Both readers return the state of the transformers encoder (names without prefix). They do not check
completeness: `weights` compares with the architecture, strictly.

Meta's file holds two encoders, the trained `encoder` and its exponential moving average
`target_encoder`. We take the average where there is one, as Meta's evaluations do. The published
folder in the format of transformers was converted, to judge by its script, from what torch.hub
loaded at the time, which was `encoder`: the two routes to "V-JEPA 2 ViT-L/16" are not the same
numbers. The origin names the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from hopeworld.features.manifest import WeightsError, digest
from hopeworld.files import read_json
from hopeworld.tensor_files import TensorFileError, read_tensors

State = dict[str, torch.Tensor]

META_KEYS = ("target_encoder", "encoder")
META_PREFIXES = ("module.", "backbone.")
META_NAMES = (
    (r"^patch_embed\.", "embeddings.patch_embeddings."),
    (r"^blocks\.(\d+)\.attn\.", r"layer.\1.attention."),
    (r"^blocks\.", "layer."),
    (r"^norm\.", "layernorm."),
)
# The rotary model has no such parameter, yet Meta's files carry it.
META_UNUSED = "pos_embed"


@dataclass(frozen=True)
class Checkpoint:
    """The encoder that a file or folder holds."""

    state: State  # by the names of transformers' VJEPA2Encoder
    origin: str  # format, name, key and sha256
    unused: tuple[str, ...]  # what else there is, by its name in the file


def read_checkpoint(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read a folder in the format of transformers, one of its files, or Meta's .pt file.

    `sha256` is that of the weights where it is known. Raises `WeightsError`.
    """
    files = _weight_files(path) if path.is_dir() else [path]
    read = _read_transformers if files[0].suffix == ".safetensors" else _read_meta
    return read(path, files, sha256 or digest(files))


def few(names: Collection[str]) -> str:
    """Name the first three."""
    return ", ".join(list(names)[:3]) + (", ..." if len(names) > 3 else "")


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers would read: one, or the shards that an index names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if not index.exists():
        problem = "neither model.safetensors nor its index in it"
        raise WeightsError(folder, problem, "name a folder that save_pretrained made")
    try:
        files = sorted({folder / name for name in read_json(index)["weight_map"].values()})
    except (json.JSONDecodeError, LookupError, AttributeError, TypeError) as error:
        raise WeightsError(index, "no index of weights", "copy the folder again") from error
    missing = [file.name for file in files if not file.exists()]
    if missing or not files:
        problem = f"names {len(missing)} of {len(files)} files that are not there ({few(missing)})"
        raise WeightsError(index, problem, "copy the folder again")
    return files


def _read_transformers(path: Path, files: list[Path], sha256: str) -> Checkpoint:
    """Read what `save_pretrained` wrote of a VJEPA2Model, or of a model that contains one."""
    state: State = {}
    unused: list[str] = []
    for file in files:
        try:
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118
                    short = name.removeprefix("vjepa2.")
                    if short.startswith("encoder."):
                        state[short.removeprefix("encoder.")] = opened.get_tensor(name)
                    else:
                        unused.append(name)
        except (SafetensorError, OSError) as error:
            raise WeightsError(file, f"unreadable ({error})", "fetch it again") from error
    return Checkpoint(state, f"transformers folder {path.name}, sha256 {sha256}", tuple(unused))


def _read_meta(path: Path, files: list[Path], sha256: str) -> Checkpoint:
    """Read Meta's own .pt: the exponential moving average `target_encoder` where there is one."""
    checkpoint = _load(path)
    held = checkpoint if isinstance(checkpoint, dict) else {}
    key = next((name for name in META_KEYS if name in held), None)
    if key is None:
        problem = f"holds only {few(sorted(map(str, held))) or type(checkpoint).__name__}"
        remedy = f"the encoder is expected under {' or '.join(META_KEYS)}"
        raise WeightsError(path, problem, remedy)
    if not _is_state(held[key]):
        raise WeightsError(path, f"no tensors by name under {key}", "use Meta's .pt as published")
    unused = [name for name in held if name != key]
    unused += [name for name in held[key] if _bare(name) == META_UNUSED]
    origin = f"Meta {path.name}, key {key}, sha256 {sha256}"
    return Checkpoint(_from_meta(held[key]), origin, tuple(map(str, unused)))


def _load(file: Path) -> Any:
    """Read tensors and plain values; nothing in the file is run."""
    try:
        return read_tensors(file, mmap=True)
    except TensorFileError as error:
        raise WeightsError(file, str(error), "use Meta's .pt as published") from error


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) and tensor.ndim
        for name, tensor in value.items()
    )


def _from_meta(state: State) -> State:
    """Rename Meta's parameters and split the fused qkv rows into query, key and value."""
    renamed: State = {}
    for name, value in state.items():
        short = _rename(_bare(name))
        if short == META_UNUSED:
            continue
        if ".qkv." not in short:
            renamed[short] = value
            continue
        for part, rows in zip(("query", "key", "value"), value.tensor_split(3), strict=True):
            renamed[short.replace("qkv", part)] = rows
    return renamed


def _bare(name: str) -> str:
    """Strip what wrappers put before a name, in any order."""
    while name.startswith(META_PREFIXES):
        name = name.partition(".")[2]
    return name


def _rename(name: str) -> str:
    for pattern, replacement in META_NAMES:
        name = re.sub(pattern, replacement, name)
    return name
