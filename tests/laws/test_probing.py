"""Laws of the analysis of states: what is put in is what was taken out, and nothing else moves."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tests.small_models import PATCHES, WIDTH, small
from torch import Tensor

from hopeworld.adaptation.clips import Clips, read_clips
from hopeworld.adaptation.learner import Learner
from hopeworld.models.objective import TRANSITIONS, token_error
from hopeworld.models.state import digest
from hopeworld.probing import examples, knowledge, memory
from hopeworld.settings import Method

FROZEN = {"adapt": "none", "learning_rate": 0.0, "reset": "never", "look_back_rate": 0.0}
VIT = Method(model="vit_ac", twin="vit_frozen", **FROZEN)
HOPE = Method(model="hope", twin="hope_frozen", **FROZEN)
METHODS = {
    "vit_frozen": VIT,
    "vit_tta": replace(VIT, adapt="layer_norm", learning_rate=1e-2),
    "hope_frozen": HOPE,
    "hope": replace(HOPE, look_back_rate=1.0),
    "hope_tta": replace(HOPE, look_back_rate=1.0, adapt="layer_norm", learning_rate=1e-2),
}
PARTS = {
    "vit_tta": {"all", "parameters"},
    "hope": {"all", "titan", "cms"},
    "hope_tta": {"all", "titan", "cms", "parameters"},
}
LEARNING = pytest.mark.parametrize("name", sorted(PARTS))


@dataclass(frozen=True)
class Settings:
    """What of the settings of adaptation the analysis reads."""

    clip_norm: float = 1.0
    delay_steps: int = 0


class ProbeClips:
    """Held-out clips in memory; `swap` moves features, so that clips of two domains differ."""

    def __init__(self, count: int, seed: int, swap: float = 0.0):
        draw = np.random.default_rng(seed)
        self._latents = draw.normal(size=(count, 8, PATCHES, WIDTH)).astype(np.float32)
        self._latents[..., 0] += swap
        self.action = draw.normal(size=(count, 8, 2)).astype(np.float32)
        self.mask_now = self.mask_next = draw.random((count, 8, PATCHES)) < 0.3
        self.mask_next[:, :, 0] = True
        self.episode = np.arange(count) // 2
        self.clip = np.arange(count)
        self.centre = np.zeros((count, 8, 2), np.float32)
        self.grid, self.feature_width, self.origin = (3, 4), WIDTH, {"weights": "random"}

    def __len__(self) -> int:
        return len(self.clip)

    def latents(self, positions) -> np.ndarray:
        return self._latents[positions].copy()


def taught(name: str, clips: ProbeClips | None) -> Learner:
    """A learner as trained, then taught by clips one after another."""
    learner = Learner(small(METHODS[name].model), METHODS[name], Settings())
    for position in range(0 if clips is None else len(clips)):
        clip = read_clips(clips, [position], "cpu")
        for t in range(TRANSITIONS):
            learner.predict(clip.latents[:, t : t + 1], clip.actions[:, t : t + 1])
            learner.learn(clip.latents[:, t + 1])
        learner.end_clip()
    return learner


@pytest.fixture(autouse=True)
def _learners(monkeypatch):
    """States come from what taught them instead of a file: A1 3 clips, B 3 others, A2 as A1."""
    lessons = {"A1": ProbeClips(3, 1), "B": ProbeClips(3, 2), "A2": ProbeClips(3, 1)}

    def load(weights, method, settings, path, device):
        name = next(n for n, known in METHODS.items() if known == method)
        return taught(name, lessons.get(str(path)))

    monkeypatch.setattr(memory, "load_learner", load)
    monkeypatch.setattr(examples, "load_learner", load)


def job(name: str, **changes) -> memory.MemoryJob:
    made = memory.MemoryJob(
        name=name,
        method=METHODS[name],
        settings=Settings(),
        seed=3,
        weights=Path("weights"),
        states={0: {phase: Path(phase) for phase in ("A1", "B", "A2")}},
        probes={"A": ProbeClips(4, 5), "B": ProbeClips(4, 5, swap=3.0)},
        confidence=0.95,
        device="cpu",
    )
    return replace(made, **changes)


@functools.cache
def analysed(name: str) -> memory.Analysis:
    """The analysis of the unchanged job; made once for all tests."""
    return memory.analyse(job(name))


def predictions(learner: Learner, clip: Clips) -> tuple[Tensor, Tensor]:
    """Teacher-forced predictions of one clip from the state of a learner, and their errors."""
    inputs = clip.latents[:, :TRANSITIONS], clip.actions[:, :TRANSITIONS]
    with torch.no_grad():
        predicted, _ = learner.predictor.predict(learner.state, *inputs)
    return predicted[0], token_error(predicted, clip.latents[:, 1 : TRANSITIONS + 1])[0]


def probe(learner: Learner, data: ProbeClips) -> float:
    """Object loss over clips, one after another, from the state of a learner."""
    loss, patches = 0.0, 0
    for position in range(len(data)):
        clip = read_clips(data, [position], "cpu")
        objects = clip.mask_next[0, :TRANSITIONS]
        loss += float(predictions(learner, clip)[1][objects].sum())
        patches += int(objects.sum())
    return loss / patches


@LEARNING
def test_a_transplant_of_start_equals_the_frozen_probes(name):
    table = analysed(name).transplant
    start = table[table.state == "start"]
    assert set(start.part) == PARTS[name]
    for domain, data in job(name).probes.items():
        losses = start[start.domain == domain].loss
        assert np.allclose(losses, probe(taught(METHODS[name].twin, None), data), rtol=1e-5)


@LEARNING
def test_a_transplant_of_all_parts_equals_the_probes_of_the_stream(name):
    table = analysed(name).transplant
    learner = taught(name, ProbeClips(3, 2))
    rows = table[(table.state == "B") & (table.part == "all")].set_index("domain")
    for domain, data in job(name).probes.items():
        assert rows.loss[domain] == pytest.approx(probe(learner, data), rel=1e-5)


def test_a_part_alone_leaves_the_others_as_trained():
    learner, other = taught("hope_tta", None), taught("hope_tta", ProbeClips(3, 2))
    trained, learnt = knowledge.take(learner), knowledge.take(other)
    for part in trained:
        knowledge.give(learnt, [part], learner)
        now = knowledge.take(learner)
        for one in trained:
            wanted = learnt if one == part else trained
            assert np.array_equal(knowledge.vector(now, one), knowledge.vector(wanted, one))
    assert not learner.state.mixers[0].recent.any()
    learner.reset()
    fresh = taught("hope_tta", None)
    assert digest(learner.state, learner.predictor) == digest(fresh.state, fresh.predictor)


def test_all_that_is_learnt_belongs_to_a_part():
    learner, other = taught("hope_tta", None), taught("hope_tta", ProbeClips(3, 2))
    learnt = knowledge.take(other)
    knowledge.give(learnt, tuple(learnt), learner)
    assert digest(learner.state, learner.predictor) == digest(other.state, other.predictor)


@LEARNING
def test_geometry_is_that_of_the_states(name):
    table = analysed(name).geometry.set_index("part")
    assert set(table.index) == PARTS[name]
    assert (table[["drift_A1", "drift_B", "drift_A2"]] > 0).all(axis=None)
    # The last state was made by the same clips from the same start as the first.
    assert np.allclose(table.reversibility, 1.0)


@LEARNING
def test_separability_of_identical_and_of_separated_domains(name):
    far = analysed(name).separability
    assert (far.set_index("part").accuracy["all"], set(far.clips)) == (1.0, {8})
    assert set(far.episodes) == {4}
    assert ((far.low < far.accuracy) & (far.accuracy <= far.high)).all()
    same = {"A": ProbeClips(4, 5), "B": ProbeClips(4, 5)}
    near = memory.analyse(job(name, probes=same)).separability
    assert (near.accuracy == 0.5).all()
    assert (near.norm_accuracy == 0.5).all()


def test_the_analysis_of_a_run_that_learnt_nothing_has_columns_and_no_rows():
    name = "vit_frozen"
    found = analysed(name)
    tables = (found.transplant, found.geometry, found.separability)
    assert [len(table) for table in tables] == [0, 0, 0]
    assert list(found.geometry)[-2:] == ["drift_A2", "reversibility"]


def test_the_same_analysis_gives_the_same_numbers():
    one, other = analysed("hope_tta"), memory.analyse(job("hope_tta"))
    assert all(one_.equals(vars(other)[table]) for table, one_ in vars(one).items())


def example_job(name: str) -> examples.ExampleJob:
    method = METHODS[name]
    twin = METHODS[method.twin]
    data = ProbeClips(4, 6)
    run = (name, method, twin, Settings(), 3, 0)
    return examples.ExampleJob(*run, Path("weights"), Path("B"), data, "cpu")


@pytest.mark.parametrize("name", ["vit_frozen", *sorted(PARTS)])
def test_an_example_equals_predict(name, tmp_path):
    made = example_job(name)
    path = tmp_path / "example.safetensors"
    examples.save_example(path, examples.predict_example(made), made)
    example = examples.Example(**load_file(path))
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()[examples.METADATA_KEY])
    clip = read_clips(made.data, [0], "cpu")
    learner, twin = taught(name, ProbeClips(3, 2)), taught(METHODS[name].twin, None)
    for given, stored, error in (
        (learner, example.predictions, example.error),
        (twin, example.frozen, example.error_frozen),
    ):
        wanted, wanted_error = predictions(given, clip)
        assert torch.equal(stored, wanted.half())
        assert torch.equal(error, wanted_error)
    assert torch.equal(example.truth, clip.latents[0].half())
    assert torch.equal(example.objects, torch.from_numpy(made.data.mask_next[0, :TRANSITIONS]))
    assert (about["method"], about["clip"], about["grid"]) == (name, 0, [3, 4])
