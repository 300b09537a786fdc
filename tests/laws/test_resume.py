"""Law: a run that is killed and resumed equals one that is not, byte for byte."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tiny_training import TinyPredictor, tiny_data, tiny_job, tiny_predictor, tiny_training

from hopeworld.training.loop import fit

TESTS = Path(__file__).parents[1]


class Interrupt(Exception):
    """Stands for a kill inside one process."""


def run(folder, model, predictor=None, **changes):
    name = "vit_ac" if model == "tiny" else model
    job = tiny_job(folder, name, tiny_training(**changes))
    fit(job, predictor or tiny_predictor(model), tiny_data())
    return job


def interrupted(predictor, steps):
    """Make a predictor stop in the step after it has trained on `steps`."""
    forget, left = predictor.new_clip, [steps]

    def new_clip(state):
        left[0] -= predictor.training
        if left[0] < 0:
            raise Interrupt
        return forget(state)

    predictor.new_clip = new_clip
    return predictor


def assert_same_files(first, second):
    for name in ("weights", "last", "history", "gate"):
        a, b = getattr(first.outputs, name), getattr(second.outputs, name)
        assert a.read_bytes() == b.read_bytes(), name


@pytest.mark.parametrize("model", ["tiny", "vit_ac", "hope"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, model):
    whole = run(tmp_path / "whole", model)
    for stop in (2, 5, 4):
        with pytest.raises(Interrupt):
            run(tmp_path / "pieces", model, interrupted(tiny_predictor(model), stop))
    pieces = run(tmp_path / "pieces", model)
    assert "resuming at step 8" in pieces.log.getvalue()
    assert_same_files(whole, pieces)


KILLED = """
import os, signal, sys
from pathlib import Path
import test_resume
class Killed(test_resume.TinyPredictor):
    left = 7
    def detach(self, state):
        self.left -= self.training
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().detach(state)
test_resume.run(Path(sys.argv[1]), "tiny", Killed(0))
"""


def test_kill_9_and_resume_equals_uninterrupted(tmp_path):
    source = TESTS.parent / "workflow/src"
    path = os.pathsep.join(str(p) for p in (source, TESTS, TESTS / "laws"))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    folder = tmp_path / "killed"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)], env=environment, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert [p.name for p in folder.iterdir()] == ["checkpoint"]
    resumed = run(folder, "tiny", TinyPredictor(0))
    assert "resuming at step 4" in resumed.log.getvalue()
    assert_same_files(run(tmp_path / "whole", "tiny"), resumed)


def test_changed_settings_start_again_and_say_so(tmp_path):
    with pytest.raises(Interrupt):
        run(tmp_path / "a", "tiny", interrupted(TinyPredictor(0), 9))
    changed = run(tmp_path / "a", "tiny", learning_rate=2.0e-2)
    assert "starting again: settings, code or clips changed" in changed.log.getvalue()
    assert_same_files(run(tmp_path / "b", "tiny", learning_rate=2.0e-2), changed)
