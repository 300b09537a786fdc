"""A stream that is killed and resumed equals one that is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.small_streams import METHODS, SETTINGS_OF_STREAMS, stream_job, write_weights

from hopeworld.adaptation.learner import load_learner
from hopeworld.adaptation.protocol import Stream
from hopeworld.adaptation.run import StreamOutputs, run_stream
from hopeworld.files import read_json
from hopeworld.models.predictor import standardise

TESTS = Path(__file__).parents[1]
TABLES = ("stream", "probes", "memory")


class Interrupt(Exception):
    """Stands for a kill inside one process."""


def outputs_in(folder: Path) -> StreamOutputs:
    tables = {name: folder / f"{name}.parquet" for name in TABLES}
    return StreamOutputs(**tables, cost=folder / "cost.json", states=folder / "states")


def run(folder: Path, name: str, **changes) -> StreamOutputs:
    """Run a job to its files, resuming what is in the folder."""
    folder.mkdir(exist_ok=True)
    weights = write_weights(folder / "weights", METHODS[name].model)
    job = stream_job(name, weights, checkpoint=folder / "checkpoint", **changes)
    run_stream(job, outputs_in(folder))
    return outputs_in(folder)


def stop_at(monkeypatch, clips: int) -> None:
    """Make the next run stop in the clip after so many."""
    play_next, left = Stream.play_next, [clips]

    def play(self, k):
        left[0] -= 1
        if left[0] < 0:
            raise Interrupt
        play_next(self, k)

    monkeypatch.setattr(Stream, "play_next", play)


def assert_same(first: StreamOutputs, second: StreamOutputs) -> None:
    for name in TABLES:
        one, other = (pd.read_parquet(getattr(o, name)) for o in (first, second))
        one, other = (t.drop(columns="time_ms", errors="ignore") for t in (one, other))
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    states = sorted(path.name for path in first.states.iterdir())
    assert states == sorted(path.name for path in second.states.iterdir())
    for name in states:
        assert (first.states / name).read_bytes() == (second.states / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("hope_tta", {"orders": (0, 3)}),
        ("vit_full", {"orders": (0, 3)}),
        ("vit_tta", {"method": replace(METHODS["vit_tta"], reset="on_recovery")}),
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(name, changes, tmp_path, monkeypatch, capsys):
    whole = run(tmp_path / "whole", name, **changes)
    for stop in (5, 1, 6):
        with monkeypatch.context() as patched:
            stop_at(patched, stop)
            with pytest.raises(Interrupt):
                run(tmp_path / "pieces", name, **changes)
    pieces = run(tmp_path / "pieces", name, **changes)
    assert "resuming at step 3" in capsys.readouterr().err
    assert_same(whole, pieces)
    assert not (tmp_path / "pieces" / "checkpoint").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"code": "other"},
        {"settings": replace(SETTINGS_OF_STREAMS, clip_norm=0.5)},
        {"method": replace(METHODS["vit_tta"], learning_rate=1e-3)},
    ],
)
def test_a_checkpoint_of_another_job_is_not_used(changes, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        stop_at(patched, 5)
        with pytest.raises(Interrupt):
            run(tmp_path, "vit_tta")
    run(tmp_path, "vit_tta", **changes)
    assert "starting again: settings, code or clips changed" in capsys.readouterr().err


def test_the_fingerprint_knows_weights_and_clips(tmp_path):
    weights = write_weights(tmp_path / "w", "vit_ac")
    job = stream_job("vit_tta", weights)
    known = job.fingerprint()
    assert stream_job("vit_tta", weights).fingerprint() == known
    job.phases[1].data._latents[0, 3, 2, 1] += 1e-3
    assert job.fingerprint() != known
    beyond = stream_job("vit_tta", weights)
    beyond.phases[1].data._latents[4] += 1.0
    assert beyond.fingerprint() == known
    often = replace(SETTINGS_OF_STREAMS, checkpoint_clips=1, methods={})
    assert stream_job("vit_tta", weights, settings=often).fingerprint() == known
    other = write_weights(tmp_path / "v", "hope")
    assert stream_job("vit_tta", other).fingerprint() != known


KILLED = """
import os, signal, sys
from pathlib import Path
import test_stream_resume as law
play, left = law.Stream.play_next, [7]
def killed(self, k):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    play(self, k)
law.Stream.play_next = killed
law.run(Path(sys.argv[1]), "hope")
"""


def test_kill_9_and_resume_equals_uninterrupted(tmp_path, capsys):
    paths = (TESTS.parent / "workflow/src", TESTS.parent, TESTS / "laws")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    killed = run(tmp_path / "killed", "hope")
    assert "resuming at step 6" in capsys.readouterr().err
    assert_same(run(tmp_path / "whole", "hope"), killed)


@pytest.mark.parametrize("name", ["vit_force_scale", "hope_tta", "linear_extrapolation"])
def test_states_at_phase_ends_are_what_the_stream_had_learnt(name, tmp_path):
    """Played on from the state after A1, the first prediction of B is that of the stream."""
    made = run(tmp_path, name, orders=(0, 3))
    states = {f"{p}_order{o}.safetensors" for p in ("start", "A1", "B", "A2") for o in (0, 3)}
    assert {path.name for path in made.states.iterdir()} == states
    stream = pd.read_parquet(made.stream).query("kind == 'online' and region == 'all' and t == 0")
    job = stream_job(name, tmp_path / "weights", orders=(0, 3))
    stop = job.stops(job.orders)[4]
    for number, order in enumerate(job.orders):
        path = made.states / f"A1_order{order}.safetensors"
        learner = load_learner(tmp_path / "weights", job.method, job.settings, path, "cpu")
        data, position = stop.data, stop.positions[number]
        latents = np.asarray(data.latents([position]))
        recorded = stream.query("order == @order and k == 4").loss.item()
        assert first_loss(learner, latents, data.action[[position]]) == pytest.approx(
            recorded, rel=1e-5
        )


def first_loss(learner, latents: np.ndarray, actions: np.ndarray) -> float:

    latents = standardise(torch.from_numpy(latents))
    prediction = learner.predict(latents[:, :1], torch.from_numpy(actions[:, :1]))
    return float((prediction - latents[:, 1:2]).abs().mean())


def test_the_cost_of_a_contestant(tmp_path):
    run(tmp_path / "tta", "vit_tta")
    run(tmp_path / "frozen", "vit_frozen")
    run(tmp_path / "hope", "hope")
    tta, frozen, hope = (
        read_json(tmp_path / name / "cost.json") for name in ("tta", "frozen", "hope")
    )
    assert tta["parameters"] == frozen["parameters"]
    assert (tta["adapted_scalars"], frozen["adapted_scalars"]) == (480, 0)
    assert tta["state_scalars"] == 0
    assert hope["state_scalars"] > 0
    assert tta["flops_per_transition"] > 1.5 * frozen["flops_per_transition"] > 0
    assert tta["time_ms"] > 0
    assert [hope[key] for key in ("method", "model", "seed")] == ["hope", "hope", 0]
