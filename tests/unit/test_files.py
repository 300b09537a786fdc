"""Files: whole or not there, and one writer at a time."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hopeworld.files import DiskFull, InUse, NotWritable, atomic, exclusive, write_error_named

SOURCE = Path(__file__).parents[2] / "workflow" / "src"
HOLDER = """
import sys, time
from hopeworld.files import exclusive
with exclusive(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of a file."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a.h5")]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_second_writer_is_told_who_is_the_first(tmp_path, holder):
    with pytest.raises(InUse, match=rf"a\.h5: process {holder.pid} on \S+ is writing this file"):
        exclusive(tmp_path / "a.h5").__enter__()
    with exclusive(tmp_path / "b.h5"):
        pass


def test_a_killed_writer_blocks_nobody_and_its_lock_goes(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".a.h5.lock"]
    with exclusive(tmp_path / "a.h5"), pytest.raises(InUse, match=f"process {os.getpid()} "):
        exclusive(tmp_path / "a.h5").__enter__()
    assert not list(tmp_path.iterdir())


def test_a_lock_that_was_removed_while_it_was_waited_for_is_made_anew(tmp_path, monkeypatch):
    flock, moments = fcntl.flock, iter([True])

    def slow(descriptor, operation):
        if next(moments, False):
            (tmp_path / ".a.h5.lock").unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow)
    with exclusive(tmp_path / "a.h5"), pytest.raises(InUse):
        exclusive(tmp_path / "a.h5").__enter__()


def test_a_file_system_without_locks_gets_a_warning(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with exclusive(tmp_path / "a.h5"):
        pass
    assert "warning: not locked against other writers: " in (said := capsys.readouterr().out)
    assert said.endswith("a.h5]\n")
    assert not list(tmp_path.iterdir())


REFUSED = [
    (28, "a/b.h5", DiskFull, "no space left on the disk while writing clip 3; free some space"),
    (122, None, DiskFull, "no space left on the disk while writing clip 3"),
    (28, "a/c/d.mp4", DiskFull, "no space left on the disk while writing clip 3"),
    (13, "a/b.tmp.1.h5", NotWritable, "no permission to write clip 3; give user .* write permis"),
    (1, "a", NotWritable, "no permission to write clip 3"),
    (30, None, NotWritable, "is on a read-only file system, clip 3 cannot be written; mount it"),
]


@pytest.mark.parametrize(("number", "named", "kind", "line"), REFUSED)
def test_what_keeps_a_file_from_being_written_is_one_line(number, named, kind, line):
    with pytest.raises(kind, match=rf"^a/b\.h5: {line}"), write_error_named("a/b.h5", "clip 3"):
        raise OSError(number, "words of the system", named)


@pytest.mark.parametrize(("number", "named"), [(2, "a/b.tmp.1.h5"), (13, "c/b.h5"), (28, "c/b")])
def test_other_errors_stay_what_they_are(number, named):
    with pytest.raises(OSError, match="words"), write_error_named("a/b.h5", "clip 3"):
        raise OSError(number, "words of the system", named)


def test_what_killed_writers_left_goes_and_a_living_writer_keeps_its_own(tmp_path):
    with subprocess.Popen(["true"]) as ended:
        pass
    dead, alive = tmp_path / f"a.tmp.{ended.pid}.h5", tmp_path / f"a.tmp.{os.getppid()}.h5"
    for path in (dead, alive, tmp_path / f"b.tmp.{ended.pid}.h5"):
        path.touch()
    with atomic(tmp_path / "a.h5") as part:
        part.touch()
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.h5",
        alive.name,
        f"b.tmp.{ended.pid}.h5",
    }


def write_and_fail(part):
    part.write_text("half")
    raise RuntimeError


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as part:
        write_and_fail(part)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
