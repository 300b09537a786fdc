"""Law: a training that SIGKILL ends at any moment is resumed to the same bytes.

One process trains, in a child for every kill: forked before torch has computed anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.tiny_training import tiny_data, tiny_job, tiny_predictor, tiny_training

from hopeworld.training.loop import fit

TESTS = Path(__file__).parents[1]
MODELS = ("vit_ac", "hope")
FILES = ("weights.safetensors", "last.safetensors", "history.parquet", "gate.json")

# Where a training is killed: in which call of what. Every child goes on where the last one ended.
MOMENTS = (
    ("hopeworld.training.loop", "_evaluate", 1),
    ("torch", "save", 1),
    ("torch", "save", 2),
    ("os", "replace", 1),
    ("hopeworld.training.loop", "save_weights", 2),
    ("hopeworld.training.loop", "write_json", 1),
)
KILLED = """
import importlib, json, os, signal, sys
from pathlib import Path
import torch
import torch._dynamo
from tests.laws.test_killed_training import MODELS, MOMENTS, train

def kill_at(place, name, count):
    holder = importlib.import_module(place)
    call, left = getattr(holder, name), [count]
    def killed(*arguments, **named):
        left[0] -= 1
        if left[0] == 0:
            if name == "save":
                arguments[1].write(b"PK half a checkpoint")
                arguments[1].flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)
    setattr(holder, name, killed)

found = {}
for model in MODELS:
    folder = Path(sys.argv[1]) / model
    found[model] = []
    for moment in MOMENTS:
        child = os.fork()
        if child == 0:
            kill_at(*moment)
            train(folder, model)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        files = sorted(p.name for p in folder.rglob("*") if p.is_file() and ".tmp." not in p.name)
        found[model].append([os.waitstatus_to_exitcode(status), files])
print(json.dumps(found))
"""


def train(folder: Path, model: str) -> str:
    """Train to the end on one thread, as the rule does, from what is in the folder; the log."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    job = tiny_job(folder, model, tiny_training(steps=8, evaluate_every=4))
    fit(job, tiny_predictor(model), tiny_data())
    torch.set_num_threads(threads)
    return job.log.getvalue()


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of trainings that were killed at every moment; of each: status and files."""
    folder = tmp_path_factory.mktemp("killed")
    paths = (TESTS.parent / "workflow/src", TESTS.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    environment |= {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("model", MODELS)
def test_every_kill_leaves_whole_files_and_the_next_goes_on_to_the_same_bytes(
    model, killed, tmp_path
):
    folder, found = killed[0] / model, killed[1][model]
    assert [status for status, _ in found] == [-9] * len(MOMENTS)
    finals = [[name for name in names if name in FILES] for _, names in found]
    assert finals[:5] == [[]] * 4 + [["weights.safetensors"]]
    assert "state.pt" not in found[1][1]
    assert all("state.pt" in names for _, names in found[2:])
    assert "resuming at step 8" in train(folder, model)
    train(tmp_path, model)
    for name in FILES:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name
    assert list(folder.rglob("*.tmp.*")) == []
