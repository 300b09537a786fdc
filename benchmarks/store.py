"""Reading features: the store beside a memory-mapped .npy file of the same latents.

A batch is of clips at random. Warm: the file is in memory, and a repeat gathers one batch after the
other. Cold: what memory holds of the file is dropped and it is opened anew, both within the repeat,
so there the store also verifies the checksum of every clip. For float32 the batch is widened by
torch, on both sides.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.contestant import Contestant, Repeat, Setting
from hopeworld.features.dataset import ClipDataset
from hopeworld.features.store import FeatureShard, ShardHeader, write_shard

GROUP = "reading features"
CLIPS, BATCH = 64, 16
BATCHES = {"warm": 8, "cold": 1, "new": 1}  # of a repeat
EQUAL = 1.05  # 5 % are noise
HEADER = ShardHeader("benchmark", "none", "tubelet", "float32", "none", "{}")

Gather = Callable[[np.ndarray], object]


def contestants() -> list[Contestant]:
    """Warm, then cold; as float16 and as float32; what first-touch verification adds."""
    found = []
    for state in ("warm", "cold"):
        for kind, ours, theirs in (("float16", shard, npy), ("float32", dataset, npy_float32)):
            base = f"memory-mapped .npy, {kind}, {state}"
            found += [_contestant(base, theirs, state), _contestant(base, ours, state)]
    verified = "the store, float16, warm, every checksum verified"
    base = "memory-mapped .npy, float16, warm"
    return [*found, Contestant(GROUP, verified, base, partial(_build, shard, "new"))]


def _contestant(base: str, opened: Callable[[Path], Gather], state: str) -> Contestant:
    is_ours = opened in (shard, dataset)
    name = base.replace("memory-mapped .npy", "the store") if is_ours else base
    target = EQUAL if is_ours else None
    build = partial(_build, opened, state)
    return Contestant(GROUP, name, base, build, target, BATCHES[state], waits=state == "cold")


def npy(folder: Path) -> Gather:
    """The .npy file, float16."""
    return np.load(folder / "latents.npy", mmap_mode="r").__getitem__


def npy_float32(folder: Path) -> Gather:
    """The .npy file, widened."""
    latents = np.load(folder / "latents.npy", mmap_mode="r")
    return lambda rows: torch.from_numpy(latents[rows]).float()


def shard(folder: Path) -> Gather:
    """The shard, float16."""
    return FeatureShard(folder / "latents.h5").gather


def dataset(folder: Path) -> Gather:
    """The shard as a dataset without tables, which gives float32."""
    one, rows = FeatureShard(folder / "latents.h5"), np.arange(CLIPS)
    unused = dict.fromkeys(("episode", "action", "mask_now", "mask_next", "centre"), rows)
    places = {"shard": np.zeros(CLIPS, np.int64), "row": rows}
    return ClipDataset(clip=rows, **unused, origin={}, shards=(one,), **places).latents


def _build(opened: Callable[[Path], Gather], state: str, setting: Setting) -> Repeat:
    """Write the file; `state` is warm, cold, or new: warm, but opened in every repeat."""
    folder = Path(tempfile.mkdtemp(prefix="hopeworld-bench-"))
    path = _written(folder, opened in (shard, dataset), setting)
    batches, gather = _batches(), opened(folder)
    for rows in np.split(np.arange(CLIPS), CLIPS // BATCH):  # of one size, as are the repeats
        gather(rows)

    def repeat() -> None:
        nonlocal gather
        if state != "warm":
            gather = None
            if state == "cold":
                _drop(path)
            gather = opened(folder)
        for _ in range(BATCHES[state]):
            gather(next(batches))

    weakref.finalize(repeat, shutil.rmtree, folder)
    return repeat


def _written(folder: Path, is_shard: bool, setting: Setting) -> Path:
    """One file of noise, on disk; a clip at a time."""
    size = setting.size
    shape = (size.latents, size.grid[0] * size.grid[1], size.feature_width)
    if is_shard:
        path = folder / "latents.h5"
        write_shard(path, HEADER, np.arange(CLIPS), _noise(shape))
        return path
    path = folder / "latents.npy"
    file = np.lib.format.open_memmap(path, "w+", np.float16, (CLIPS, *shape))
    for row, latent in enumerate(_noise(shape)):
        file[row] = latent
    file.flush()
    return path


def _noise(shape: tuple[int, ...]) -> Iterable[np.ndarray]:
    generator = np.random.default_rng(0)
    return (generator.standard_normal(shape, np.float32).astype(np.float16) for _ in range(CLIPS))


def _batches() -> Iterator[np.ndarray]:
    """The same rows for every contestant, in the same order."""
    generator = np.random.default_rng(1)
    while True:
        yield generator.choice(CLIPS, BATCH, replace=False)


def _drop(path: Path) -> None:
    """Have the system forget what it holds of a file that is on disk and mapped by nobody."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
