"""Encoding: the job of the workflow beside a plain loop over transformers' encoder.

Both read the same mp4 files, which the simulator made, and write the same shard; a repeat encodes a
few of them and its time is that of one. The plain loop takes clip after clip in float32, in one
thread of Python, every pair of frames. Weights are random: they change no time.
"""

from __future__ import annotations

import atexit
import functools
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from einops import rearrange

from benchmarks.contestant import Contestant, Repeat, Setting
from benchmarks.sizes import Size
from hopeworld.features.encoder import read_clips, write_features
from hopeworld.features.passes import FrozenEncoder, normalise
from hopeworld.features.sequences import STEPS, longest
from hopeworld.features.store import ShardHeader, write_shard
from hopeworld.features.throughput import choose_batch
from hopeworld.features.weights import Architecture, load_encoder
from hopeworld.settings import CLIP_FRAMES, TUBELET_FRAMES, Encoder
from hopeworld.simulation.shards import ShardJob, simulate_shard
from hopeworld.simulation.table import read_clip_table
from hopeworld.video.clips import clip_path, read_clip

ROOT = Path(__file__).resolve().parents[1]
PLAIN = "plain transformers loop, float32"
FASTER = 1 / 1.9
MEMORY_MB = 4000  # of the workflow's rule
FRAMES = {"tubelet": TUBELET_FRAMES, "clip": CLIP_FRAMES}  # of a sequence of the plain loop


@dataclass(frozen=True)
class Task:
    """What is encoded: clips of `image_px` in a mode."""

    mode: str
    image_px: int

    @property
    def group(self) -> str:
        """Its name in the table."""
        return f"encoding, mode {self.mode}, {self.image_px} px"

    @property
    def clips(self) -> int:
        """How many: a repeat takes seconds, and its last pass is nearly full."""
        return 512 // self.image_px


TASKS = [Task(mode, image_px) for image_px in (128, 256) for mode in ("tubelet", "clip")]
GROUPS = [task.group for task in TASKS]


def contestants() -> list[Contestant]:
    """In each task the plain loop, and the job in float32 and bfloat16."""
    return [contestant for task in TASKS for contestant in _of(task)]


def _of(task: Task) -> Iterator[Contestant]:
    plain = partial(run_plain, task=task)
    yield Contestant(task.group, PLAIN, PLAIN, plain, units=lambda size: task.clips)
    for dtype, target in (("float32", None), ("bfloat16", FASTER)):
        build = partial(run_job, task=task, dtype=dtype)
        name = f"the job, {dtype}"
        yield Contestant(task.group, name, PLAIN, build, target, units=lambda size: task.clips)


def run_plain(setting: Setting, task: Task) -> Repeat:
    """transformers' encoder on one clip after the other."""
    folder, sizes = _folder(setting.size, task), _sizes(setting.size, task)
    settings = _settings(task, "float32")
    model = load_encoder(settings, sizes, ROOT / "resources")[0].to(setting.device)
    header, clips = _header(settings), np.arange(task.clips)

    def encode(clip: int) -> np.ndarray:
        frames = torch.from_numpy(read_clip(clip_path(_videos(folder), clip)))
        together = rearrange(frames, "(b f) h w c -> b f h w c", f=FRAMES[task.mode])
        tokens = model(normalise(together.to(setting.device))).last_hidden_state
        return rearrange(tokens, "b (t p) d -> (b t) p d", p=sizes.grid**2).half().cpu().numpy()

    @torch.inference_mode()
    def repeat() -> None:
        write_shard(_output(folder), header, clips, map(encode, clips))

    return repeat


def run_job(setting: Setting, task: Task, dtype: str) -> Repeat:
    """What `encode_shard` does once it has its weights."""
    folder, sizes = _folder(setting.size, task), _sizes(setting.size, task)
    settings = _settings(task, dtype)
    model = load_encoder(settings, sizes, ROOT / "resources")[0].to(setting.device)
    batch = choose_batch(model, sizes, longest(task.mode, STEPS), MEMORY_MB)
    encoder = FrozenEncoder(model, task.mode, batch, STEPS)
    table = read_clip_table(_table(folder))
    header, clips = _header(settings), table["clip"]

    def repeat() -> None:
        frames = read_clips(_videos(folder), clips, table["frames_sha256"], task.image_px)
        write_features(_output(folder), header, encoder, clips, frames)

    return repeat


def _sizes(size: Size, task: Task) -> Architecture:
    """ViT-L at full size; one narrow block to try the harness."""
    layers, heads = (24, 16) if size.feature_width == 1024 else (size.depth, 2)
    return Architecture(task.image_px, size.feature_width, layers, heads, mlp_ratio=4.0)


def _settings(task: Task, dtype: str) -> Encoder:
    return Encoder(weights="random", seed=0, mode=task.mode, dtype=dtype, batch=0)


def _header(settings: Encoder) -> ShardHeader:
    return ShardHeader("benchmark", "random", settings.mode, settings.dtype, "none", "{}")


@functools.cache
def _folder(size: Size, task: Task) -> Path:
    """A folder with simulated clips of the task's size; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="hopeworld-bench-"))
    atexit.register(shutil.rmtree, folder)
    study = size.study
    camera = replace(study.camera, image_px=task.image_px)
    sections = (study.simulation, study.appearance, camera)
    job = ShardJob("train", "A", range(task.clips), *sections, _table(folder), _videos(folder))
    simulate_shard(job, io.StringIO())
    return folder


def _table(folder: Path) -> Path:
    return folder / "clips.h5"


def _videos(folder: Path) -> Path:
    return folder / "clips"


def _output(folder: Path) -> Path:
    return folder / "features.h5"
