"""A job's log holds all that was printed and ends with the reason of a failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "workflow" / "src"


def run(tmp_path: Path, body: str) -> tuple[subprocess.CompletedProcess, str]:
    """Run a script with `body` in the block; return the process and the log."""
    script = tmp_path / "job.py"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    script.write_text(
        "import os, sys, warnings\nfrom hopeworld import runlog, settings\n"
        f"with runlog.written_to('logs/job.log'):\n{lines}\nprint('after')\n"
    )
    process = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    return process, (tmp_path / "logs/job.log").read_text()


def test_prints_of_python_and_of_c_go_to_the_log(tmp_path):
    body = "print('python')\nprint('error', file=sys.stderr)\nos.write(1, b'library\\n')"
    process, log = run(tmp_path, body)
    assert process.returncode == 0
    assert process.stdout == "after\n"
    assert {"python", "error", "library"} == set(log.split())


def test_warnings_are_kept_on_one_line(tmp_path):
    _, log = run(tmp_path, "warnings.warn('old file')")
    assert log.strip() == "warning: UserWarning: old file (job.py:4)"


def test_an_error_of_the_package_is_one_line(tmp_path):
    body = "raise settings.SettingsError('a.b', 1, 'too small', 'give 2')"
    process, log = run(tmp_path, body)
    line = "error: config: a.b = 1: too small; give 2"
    assert process.returncode == 1
    assert log == f"{line}\n"
    assert process.stderr == f"{line} (log: logs/job.log)\n"
    assert "after" not in process.stdout


@pytest.mark.parametrize("error", ["KeyError('name')", "ValueError('two\\nlines')"])
def test_any_other_error_keeps_its_traceback_in_the_log_alone(tmp_path, error):
    process, log = run(tmp_path, f"raise {error}")
    assert process.returncode == 1
    assert "Traceback" in log
    assert log.splitlines()[-1].startswith(f"error: {error.split('(')[0]}: ")
    assert len(process.stderr.splitlines()) == 1
    assert "Traceback" not in process.stderr
