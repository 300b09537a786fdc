"""What one unit of work of a study costs on this machine: a clip, an optimiser step, a stream clip.

On a GPU every predictor is measured as the study has it. On a CPU it is measured with one block and
with two, one episode at a time: blocks are alike and episodes independent, so the rest is a line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from benchmarks.contestant import Repeat, Setting
from benchmarks.predictors import build, clip
from benchmarks.sizes import Size
from benchmarks.streams import play
from hopeworld.features.passes import FrozenEncoder, encode_clips
from hopeworld.features.sequences import longest
from hopeworld.features.throughput import choose_batch
from hopeworld.features.weights import load_encoder, vit_large
from hopeworld.models import objective
from hopeworld.settings import Study
from hopeworld.simulation.shards import ShardJob, simulate_shard
from hopeworld.video.clips import clip_path, read_clip

ROOT = Path(__file__).resolve().parents[1]
DEPTHS = (1, 2)
REPEATS = 3
# What the workflow gives an encoding job.
MEMORY_MB = 4000


@dataclass(frozen=True)
class Machine:
    """Where units are measured: the device, and how many clips the encoder is given."""

    device: str
    clips: int

    @property
    def is_gpu(self) -> bool:
        """Whether predictors are measured whole."""
        return self.device == "cuda"


def simulate(study: Study, machine: Machine, folder: Path) -> float:
    """Seconds for one clip of a whole shard: physics, drawing, mp4 and table."""
    sections = (study.simulation, study.appearance, study.camera)
    clips = range(max(machine.clips, study.store.clips_per_shard))
    job = ShardJob("train", "A", clips, *sections, folder / "00000.h5", folder / "00000")
    with (folder / "log").open("w") as log:
        start = time.perf_counter()
        simulate_shard(job, log)
    return (time.perf_counter() - start) / len(clips)


def encode(study: Study, machine: Machine, mode: str, steps: int, folder: Path) -> float:
    """Seconds for the first `steps` latents of one clip that `simulate` made, random weights."""
    settings = replace(study.encoder, weights="random", mode=mode)
    sizes = vit_large(study.camera.image_px)
    model = load_encoder(settings, sizes, ROOT / "resources")[0].to(machine.device)
    batch = settings.batch or choose_batch(model, sizes, longest(mode, steps), MEMORY_MB)
    encoder = FrozenEncoder(model, mode, batch, steps)
    clips = [read_clip(clip_path(folder / "00000", index)) for index in range(machine.clips)]

    def repeat() -> None:
        for _ in encode_clips(encoder, clips):
            pass

    return _seconds(repeat, machine, 1) / len(clips)


def train_step(study: Study, machine: Machine, name: str) -> float:
    """Seconds for one optimiser step of the study: a clip of every episode of its batch."""
    batch = study.training.episodes_per_batch
    measured = batch if machine.is_gpu else 1
    times = {d: _train(study, machine, name, d, measured) for d in _depths(study, machine, name)}
    return _extended(times, _depth(study, name)) * batch / measured


def kept_bytes(study: Study, name: str) -> float:
    """Bytes that the backward pass of a step keeps, float32: of the batch, all blocks."""
    found = {}
    for depth in DEPTHS:
        _, loss = _loss(study, Machine("cpu", 1), name, depth, 1)
        with _counted() as count:
            loss()
        found[depth] = sum(count.values())
    return _extended(found, _depth(study, name)) * study.training.episodes_per_batch


def stream_clip(study: Study, machine: Machine, method: str) -> float:
    """Seconds for one clip of a stream: rollout, then predict, score and learn."""
    name = study.adaptation.methods[method].model
    return _at_depths(study, machine, name, lambda setting: play(setting, method))


def probe_clip(study: Study, machine: Machine, name: str) -> float:
    """Seconds to predict one held-out clip, without learning, eight side by side."""
    side_by_side = 8

    def repeat_of(setting: Setting) -> Repeat:
        predictor = build(name, setting, setting.size.depth // 2)
        latents, actions = clip(replace(setting, batch=side_by_side), objective.TRANSITIONS)
        return partial(_predict, predictor, latents, actions)

    return _at_depths(study, machine, name, repeat_of) / side_by_side


@torch.inference_mode()
def _predict(predictor: torch.nn.Module, latents: Tensor, actions: Tensor) -> None:
    predictor.predict(predictor.initial(len(latents)), latents, actions)


def _at_depths(
    study: Study, machine: Machine, name: str, repeat_of: Callable[[Setting], Repeat]
) -> float:
    """The time of a repeat at the study's depth; `play` halves the depth of a size."""
    times = {}
    for depth in _depths(study, machine, name):
        setting = Setting(_size(2 * depth), machine.device, "float32", 1)
        times[depth] = _seconds(repeat_of(setting), machine)
    return _extended(times, _depth(study, name))


def _train(study: Study, machine: Machine, name: str, depth: int, batch: int) -> float:
    predictor, loss = _loss(study, machine, name, depth, batch)
    optimiser = torch.optim.AdamW(predictor.parameters(), lr=1e-4)

    def repeat() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        torch.nn.utils.clip_grad_norm_(predictor.parameters(), 1.0)
        optimiser.step()

    return _seconds(repeat, machine)


def _loss(
    study: Study, machine: Machine, name: str, depth: int, batch: int
) -> tuple[torch.nn.Module, Callable[[], Tensor]]:
    """A predictor, and the study's objective on one clip of `batch` episodes."""
    training = study.training
    setting = Setting(_size(depth), machine.device, "float32", batch)
    predictor = build(name, setting, depth)
    latents, actions = clip(setting, setting.size.latents)

    def loss() -> Tensor:
        with objective.precision(training, torch.device(machine.device)):
            predicted = objective.forecast(
                predictor, predictor.initial(batch), latents, actions, training.rollout_steps
            )
            return objective.losses(predicted, latents, training.rollout_loss).total

    return predictor, loss


class _counted(torch.autograd.graph.saved_tensors_hooks):
    """The bytes of every storage that a graph keeps, by its address."""

    def __init__(self) -> None:
        self.found: dict[int, int] = {}
        self.kept: list[Tensor] = []
        super().__init__(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self.found[storage.data_ptr()] = storage.nbytes()
        self.kept.append(tensor)  # an address is not used twice while its tensor lives
        return tensor

    def __enter__(self) -> dict[int, int]:
        super().__enter__()
        return self.found


def _size(depth: int) -> Size:
    return Size("thesis", depth=depth, feature_width=1024, shortening=1)


def _depth(study: Study, name: str) -> int:
    return getattr(study.models, name).depth


def _depths(study: Study, machine: Machine, name: str) -> tuple[int, ...]:
    return (_depth(study, name),) if machine.is_gpu else DEPTHS


def _extended(values: dict[int, float], depth: int) -> float:
    """The value at `depth` on the line through two depths, or the only one there is."""
    if depth in values:
        return values[depth]
    (low, first), (high, second) = sorted(values.items())
    return first + (second - first) / (high - low) * (depth - low)


def _seconds(repeat: Repeat, machine: Machine, repeats: int = REPEATS) -> float:
    """Median wall time after a warm-up; a GPU is waited for."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        repeat()
        if machine.is_gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return median(times[1:])
