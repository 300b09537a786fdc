"""How a long job says how far it is."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

import pytest
from tests.terminal import on_terminal, seen

from hopeworld import progress
from hopeworld.progress import Progress, tracked

SOURCE = Path(__file__).parents[2] / "workflow" / "src"


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes only when told to."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    one = Clock()
    monkeypatch.setattr(progress, "time", one)
    return one


def worked(clock: Clock, seconds: float, steps: int, log: io.StringIO) -> list[str]:
    """The lines of a job whose steps take `seconds` each."""
    for _ in tracked(range(steps), "hope seed 0", steps, "steps", log):
        clock.now_s += seconds
    return log.getvalue().splitlines()


def test_a_line_every_few_seconds_and_one_at_the_end(clock):
    lines = worked(clock, 1.0, 12, io.StringIO())
    assert lines == [
        "hope seed 0: 5/12 steps, 1 steps/s, 0:00:07 left",
        "hope seed 0: 10/12 steps, 1 steps/s, 0:00:02 left",
        "hope seed 0: 12/12 steps, 1 steps/s, took 0:00:12",
    ]


def test_a_short_job_has_one_line_with_total_and_rate(clock):
    assert worked(clock, 0.25, 4, io.StringIO()) == [
        "hope seed 0: 4/4 steps, 4 steps/s, took 0:00:01"
    ]


def test_a_step_longer_than_the_pause_has_a_line_of_its_own(clock):
    assert len(worked(clock, 60.0, 3, io.StringIO())) == 3


def test_a_rate_counts_what_this_attempt_did(clock):
    log = io.StringIO()
    shown = Progress("hope seed 0", 100, "steps", log=log)
    clock.now_s += 30
    shown.start(80)
    clock.now_s += 5
    shown.count(10)
    assert log.getvalue() == "hope seed 0: 90/100 steps, 2 steps/s, 0:00:05 left\n"


def test_what_lasts_between_two_counts_is_heard_of(clock):
    log = io.StringIO()
    shown = Progress("hope seed 0", 10, "steps", log=log)
    clock.now_s += 6
    shown.count(0, "validation clip 3/40")
    shown.count(0, "validation clip 4/40")
    clock.now_s += 6
    shown.count(1, "loss 0.5")
    assert log.getvalue().splitlines() == [
        "hope seed 0: 0/10 steps, 0 steps/s, ? left, validation clip 3/40",
        "hope seed 0: 1/10 steps, 0.0833 steps/s, 0:01:48 left, loss 0.5",
    ]


def test_bytes_are_said_in_megabytes(clock):
    log = io.StringIO()
    shown = Progress("weights: model", 3_000_000, "MB", 1_000_000, log)
    clock.now_s += 5
    shown.count(1_500_000)
    assert log.getvalue() == "weights: model: 1.5/3.0 MB, 0.3 MB/s, 0:00:05 left\n"


@pytest.mark.parametrize(
    ("value", "said"), [(1234.5, "1234"), (99.94, "99.9"), (0.01234, "0.0123")]
)
def test_a_rate_has_three_digits(value, said):
    assert progress._three_digits(value) == said


def test_a_file_gets_whole_lines_at_once(tmp_path, clock):
    path = tmp_path / "log"
    with path.open("w") as log:
        shown = Progress("hope", 2, "steps", log=log)
        clock.now_s += 5
        shown.count()
        assert path.read_text().endswith("left\n")
    assert "\r" not in path.read_text()


def test_a_terminal_gets_a_bar_that_is_written_over(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    log = Terminal()
    worked(clock, 1.0, 4, log)
    *bars, last = [part for part in log.getvalue().split("\r") if part.strip()]
    assert bars[0].startswith("[#####...............] hope seed 0: 1/4 steps, 1 steps/s")
    assert {len(bar) for bar in bars} == {59}
    assert last == "hope seed 0: 4/4 steps, 1 steps/s, took 0:00:04\n"


def test_a_line_on_a_terminal_takes_the_bar_away(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    log = Terminal()
    shown = Progress("hope", 9, "steps", log=log)
    clock.now_s += 1
    shown.count()
    shown.say("step 3: validation loss 0.5")
    assert re.search(r"\r {59}\rhope: step 3: validation loss 0\.5\n$", log.getvalue())


def test_what_is_written_at_the_begin_of_a_line_takes_the_bar_away():
    """And only there: a message and its end of line come in two pieces."""
    terminal = Terminal()
    terminal.write("[###] half a bar")
    cleared = progress.Cleared(terminal)
    for text in ("message", "\n", "\nnext\n"):
        cleared.write(text)
    away = "\r" + " " * 79 + "\r"
    assert terminal.getvalue() == f"[###] half a bar{away}message\n{away}\nnext\n"
    assert cleared.isatty()


def test_a_terminal_that_was_closed_ends_no_job(tmp_path):
    """Its writer gets an error from then on."""
    ours, theirs = pty.openpty()
    log = io.StringIO()
    with progress.bars_on(theirs):
        worker = tracked(range(3), "job", 3, "clips", log)
        os.close(ours)
        assert list(worker) == [0, 1, 2]
    os.close(theirs)
    assert log.getvalue().startswith("job: 3/3 clips, ")


BARS = """
import sys
from hopeworld import progress, runlog
progress.SECONDS_BETWEEN_BARS = 0.0
with runlog.written_to("job.log"):
    for _ in progress.tracked(range(3), "job", 3, "clips"):
        pass
"""


def test_a_job_draws_its_bar_on_the_terminal_and_writes_lines_into_its_log(tmp_path):
    """On a real one, which is narrow: its log has no bar, and at the end nothing of it is left."""
    command, environment = [sys.executable, "-c", BARS], {"PYTHONPATH": str(SOURCE)}
    status, written = on_terminal(command, tmp_path, 40, environment)
    assert status == 0
    assert [bar for bar in written.split("\r") if bar.strip()] == [
        "[#######.............] job: 1/3 clips, ",
        "[#############.......] job: 2/3 clips, ",
    ]
    assert seen(written) == [""]
    (line,) = (tmp_path / "job.log").read_text().splitlines()
    assert re.fullmatch(r"job: 3/3 clips, .* clips/s, took 0:00:00", line)
