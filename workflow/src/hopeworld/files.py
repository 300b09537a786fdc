"""Atomic files: what has its final name is whole, and one process at a time writes it.

Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import getpass
import glob
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class InUse(ValueError):
    """A file that another process is writing."""


class DiskFull(ValueError):
    """A disk that cannot hold what is to be written."""


class NotWritable(ValueError):
    """A folder in which this process may not write."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike, what: str = "this file") -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and give it its final name.

    An exception removes the temporary file and leaves what stood at `path` untouched. What killed
    writers of `path` left goes first. Raises `DiskFull` and `NotWritable`, which say `what`.
    """
    final = Path(path)
    part = final.with_name(f"{final.stem}.tmp.{os.getpid()}{final.suffix}")
    with write_error_named(final, what):
        final.parent.mkdir(parents=True, exist_ok=True)
        _remove_of_the_dead(final)
        try:
            yield part
            move(part, final)
        finally:
            _discard(part)


def move(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Give a whole file its final name, on the same disk, and have that on disk."""
    _sync(Path(source))
    os.replace(source, target)
    _sync(Path(target).parent)


def _discard(path: Path) -> None:
    """Remove a file if that is still allowed: what made it useless is the error to tell."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def remove_unfinished(path: str | os.PathLike) -> None:
    """Remove the temporary files that killed writers of `path` left; its writer must be alone."""
    for leftover in _unfinished(Path(path)):
        leftover.unlink(missing_ok=True)


def _remove_of_the_dead(final: Path) -> None:
    """Remove the temporary files of a path whose writers run no more, on this machine."""
    for leftover in _unfinished(final):
        writer = leftover.name.removesuffix(final.suffix).rpartition(".")[2]
        if not (writer.isdecimal() and _is_running(int(writer))):
            leftover.unlink(missing_ok=True)


def _unfinished(final: Path) -> list[Path]:
    """The temporary files of a path."""
    escaped = (glob.escape(text) for text in (final.stem, final.suffix))
    return list(final.parent.glob("{}.tmp.*{}".format(*escaped)))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def exclusive(path: str | os.PathLike) -> Iterator[None]:
    """Be the only process that writes `path`; raise `InUse`, naming the other, where one does.

    The lock is a flock on a hidden file beside `path`. The kernel takes it back however a process
    ends; the file goes with an orderly end, and one that a killed process left blocks nobody.
    """
    final = Path(path)
    lock = final.with_name(f".{final.name}.lock")
    with write_error_named(final, "its lock"):
        final.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(lock, final)
    try:
        yield
    finally:
        _discard(lock)
        os.close(descriptor)


def _locked(lock: Path, final: Path) -> int:
    """A descriptor that holds the lock, with the name of this process written into it."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode() or "another process"
            os.close(descriptor)
            remedy = "wait for it to end, or stop it, and run again"
            raise InUse(f"{final}: {holder} is writing this file; {remedy}") from None
        except OSError as error:
            print(f"warning: not locked against other writers: {error} [{final}]", flush=True)
            return descriptor
        if _is_at(lock, descriptor):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    """Write who holds a lock; a full disk keeps nobody from locking."""
    os.ftruncate(descriptor, 0)
    with contextlib.suppress(OSError):
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file at `path` is the open one: its last holder may just have removed it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def write_error_named(path: str | os.PathLike, what: str) -> Iterator[None]:
    """Turn an OSError that keeps `path` from being written into one line that names it.

    Raises `DiskFull` for want of space, `NotWritable` for want of permission. An error about a file
    elsewhere is not touched.
    """
    try:
        yield
    except OSError as error:
        is_about = _is_about(error, Path(path))
        if error.errno in FULL and is_about:
            problem = f"no space left on the disk while writing {what}"
            raise DiskFull(f"{path}: {problem}; free some space there and run again") from error
        if error.errno in FORBIDDEN and is_about:
            raise NotWritable(f"{path}: {_why_not(error, what)}") from error
        raise


def require_writable(folder: str | os.PathLike) -> None:
    """Raise `NotWritable` unless this process may make files in `folder`, or make the folder."""
    path = Path(os.path.abspath(folder))
    there = next(place for place in (path, *path.parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        problem = f"user {_user()} cannot write here (permission, or a read-only file system)"
        raise NotWritable(f"{there}: {problem}; allow it, or work in another --directory")


def _is_about(error: OSError, path: Path) -> bool:
    """Whether an error names no file, one below the folder of `path`, or a folder above it."""
    if not isinstance(error.filename, str | os.PathLike):
        return error.filename is None
    named, folder = (Path(os.path.abspath(p)) for p in (error.filename, path.parent))
    return named == folder or folder in named.parents or named in folder.parents


def _why_not(error: OSError, what: str) -> str:
    if error.errno == errno.EROFS:
        problem, remedy = "is on a read-only file system", "mount it for writing"
        return f"{problem}, {what} cannot be written; {remedy} or use another folder, and run again"
    remedy = f"give user {_user()} write permission in its folder and run again"
    return f"no permission to write {what}; {remedy}"


def _user() -> str:
    """The name of who runs this, or the number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def workflow_time(path: Path) -> int:
    """The modification time that Snakemake sees, in ns: of a folder, that of a file it leaves."""
    stamp = path / ".snakemake_timestamp"
    return (stamp if stamp.exists() else path).stat().st_mtime_ns


def keep_time(path: str | os.PathLike, modified_ns: int) -> None:
    """Give a file or a folder the modification time that it had."""
    os.utime(path, ns=(modified_ns, modified_ns))


def reserve(path: str | os.PathLike, size: int) -> None:
    """Have the file system set aside `size` bytes for a file; raises OSError if it has fewer."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def study_of(path: str | os.PathLike, depth: int) -> str:
    """The folder of the study that holds `path` `depth` levels down, for the words of an error."""
    return os.path.normpath(os.path.join(path, *[os.pardir] * depth))


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as sorted, indented JSON, atomically."""
    with atomic(path) as part:
        part.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=True) + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
