"""A job that is told to stop ends with one line, in its log and on the terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.small_disk import run_python_on_small_disk

from hopeworld.stopping import Stopped, stop_quietly_if_script, stoppable

SOURCE = Path(__file__).parents[2] / "workflow" / "src"
JOB = """
import os, signal, sys
signal.signal(signal.{name}, signal.SIG_DFL)
from hopeworld import runlog
from hopeworld.files import atomic
with runlog.written_to("logs/job.log"):
    try:
        with atomic("a.txt") as part:
            part.write_text("half")
            os.kill(os.getpid(), signal.{name})
    except Exception:
        print("went on")
    print("went on")
"""
CHATTY = """
import os, sys
from pathlib import Path
from hopeworld import runlog
os.chdir(sys.argv[1])
Path("fill").write_bytes(bytes(os.statvfs(".").f_bavail * 4096 - 8 * 4096))
with runlog.written_to("logs/job.log"):
    for number in range(10**5):
        print("a line of a log that has no room any more", number)
"""


IMPORTING = """
import os, signal
signal.signal(signal.{name}, signal.SIG_DFL)
snakemake = object()  # what a script has before its first line
from hopeworld import jobs
os.kill(os.getpid(), signal.{name})
print("went on")
"""
SIGNALS = [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)]


def ended(code: str, folder: Path) -> subprocess.CompletedProcess:
    """Run code that ends by a signal in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("name", "status"), SIGNALS)
def test_a_signal_while_a_script_imports_is_one_line(name, status, tmp_path):
    done = ended(IMPORTING.format(name=name), tmp_path)
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr == f"error: stopped by {name}; run the same command again to go on\n"


def test_who_imports_the_jobs_and_is_no_script_keeps_its_handlers():
    before = [signal.getsignal(getattr(signal, name)) for name, _ in SIGNALS]
    stop_quietly_if_script()
    assert [signal.getsignal(getattr(signal, name)) for name, _ in SIGNALS] == before


def test_a_signal_that_is_ignored_stays_so():
    """As `nohup` asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("name", "status"), SIGNALS)
def test_a_signal_is_one_line_and_leaves_no_half_file(name, status, tmp_path):
    done = ended(JOB.format(name=name), tmp_path)
    line = f"error: stopped by {name}; run the same command again to go on"
    assert done.returncode == status
    assert done.stderr == f"{line} (log: logs/job.log)\n"
    assert (tmp_path / "logs/job.log").read_text() == f"{line}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_handlers_are_given_back_and_other_threads_are_left_alone():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(Stopped, match="SIGTERM"), stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    entered = []

    def enter():
        with stoppable():
            entered.append(True)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [True]


def test_a_log_without_room_ends_the_job_with_one_line_that_names_it(tmp_path):
    done = run_python_on_small_disk(tmp_path / "disk", "1m", CHATTY)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert lines == [
        "error: logs/job.log: no space left on the disk while writing the log; free some space "
        "there and run again (log: logs/job.log)"
    ]
    assert "Traceback" not in done.stderr
