"""Lines in the log."""

import io
import re

from hopeworld.training import progress
from hopeworld.training.progress import Progress


def lines(monkeypatch, seconds_per_step, steps):
    log, now = io.StringIO(), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress(log, "hope seed 0", steps, tokens_per_step=100)
    for step in range(1, steps + 1):
        shown.begin_step()
        now[0] += seconds_per_step
        shown.end_step(step, 0.5)
    return log.getvalue().splitlines()


def test_a_line_every_few_seconds_and_one_at_the_end(monkeypatch):
    assert len(lines(monkeypatch, 1.0, 20)) == 4
    assert len(lines(monkeypatch, 0.0, 20)) == 1


def test_a_line_says_step_loss_throughput_and_remaining_time(monkeypatch):
    first = lines(monkeypatch, 10.0, 20)[0]
    assert re.fullmatch(r"hope seed 0: step 1/20  loss 0\.5000  10 tokens/s  left 0:03:10", first)
