"""One held-out clip of B, as predicted after B and by the frozen model: the pictures' material."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool, Float
from safetensors.torch import save
from torch import Tensor

from hopeworld.adaptation.clips import read_clips
from hopeworld.adaptation.learner import load_learner
from hopeworld.features.dataset import ClipDataset
from hopeworld.files import atomic
from hopeworld.models.objective import TRANSITIONS, token_error
from hopeworld.records import carried
from hopeworld.settings import Adaptation, Method

METADATA_KEY = "hopeworld_example"
LARGEST = 6e4


@dataclass(frozen=True)
class ExampleJob:
    """One method and seed.

    state: file of what it had learnt by the end of phase B.   data: held-out clips of B.
    """

    name: str
    method: Method
    twin: Method
    settings: Adaptation
    seed: int
    order: int
    weights: Path
    state: Path
    data: ClipDataset
    device: str


@dataclass(frozen=True)
class Example:
    """A clip and what was predicted of it, teacher-forced: z_{t+1} from the true z_0 ... z_t.

    Latents are in LayerNorm space. Errors are L1 per patch, computed before the latents are rounded
    to float16; persistence copies z_t. objects: the object's patches before or after a transition.
    """

    truth: Float[Tensor, "8 P D"]
    predictions: Float[Tensor, "7 P D"]
    frozen: Float[Tensor, "7 P D"]
    error: Float[Tensor, "7 P"]
    error_frozen: Float[Tensor, "7 P"]
    persistence: Float[Tensor, "7 P"]
    objects: Bool[Tensor, "7 P"]


def predict_example(job: ExampleJob) -> Example:
    """Predict the first clip with what was learnt by the end of B, and with the frozen twin."""
    clip = read_clips(job.data, [0], job.device)
    inputs = clip.latents[:, :TRANSITIONS], clip.actions[:, :TRANSITIONS]
    learnt = load_learner(job.weights, job.method, job.settings, job.state, job.device)
    twin = load_learner(job.weights, job.twin, job.settings, None, job.device)
    predictions, frozen = (learner.forecast(*inputs)[0].float() for learner in (learnt, twin))
    truth = clip.latents[:, 1 : TRANSITIONS + 1]
    return Example(
        truth=clip.latents[0].half(),
        predictions=_half(predictions[0]),
        frozen=_half(frozen[0]),
        error=token_error(predictions, truth)[0],
        error_frozen=token_error(frozen, truth)[0],
        persistence=token_error(inputs[0], truth)[0],
        objects=clip.mask_next[0, :TRANSITIONS],
    )


def save_example(path: str | os.PathLike, example: Example, job: ExampleJob) -> None:
    """Write an example as safetensors, atomically.

    Metadata `METADATA_KEY`, JSON: method, seed, order, split, domain, clip, grid, origin.
    """
    about = {"method": job.name, "seed": job.seed, "order": job.order, "split": "probe"}
    about |= {"domain": "B", "clip": int(job.data.clip[0]), "grid": list(job.data.grid)}
    about |= {"origin": job.data.origin} | carried()
    tensors = {name: tensor.cpu().contiguous() for name, tensor in vars(example).items()}
    with atomic(path) as part:
        part.write_bytes(save(tensors, {METADATA_KEY: json.dumps(about, sort_keys=True)}))


def _half(latents: Tensor) -> Tensor:
    """float16; a prediction that has diverged stays finite where it was."""
    return latents.clamp(-LARGEST, LARGEST).half()
