"""Atomic files: what has its final name is whole, and one process at a time writes it.

Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)


class InUse(ValueError):
    """A file that another process is writing."""


class DiskFull(ValueError):
    """A disk that cannot hold what is to be written."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and give it its final name.

    An exception removes the temporary file and leaves what stood at `path` untouched.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f"{final.stem}.tmp.{os.getpid()}{final.suffix}")
    try:
        yield part
        move(part, final)
    finally:
        part.unlink(missing_ok=True)


def move(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Give a whole file its final name, on the same disk, and have that on disk."""
    _sync(Path(source))
    os.replace(source, target)
    _sync(Path(target).parent)


def remove_unfinished(path: str | os.PathLike) -> None:
    """Remove the temporary files that killed writers of `path` left; its writer must be alone."""
    final = Path(path)
    for leftover in final.parent.glob(f"{final.stem}.tmp.*{final.suffix}"):
        leftover.unlink()


@contextlib.contextmanager
def exclusive(path: str | os.PathLike) -> Iterator[None]:
    """Be the only process that writes `path`; raise `InUse`, naming the other, where one does.

    The lock is a flock on a hidden file beside `path`. The kernel takes it back however a process
    ends; the file goes with an orderly end, and one that a killed process left blocks nobody.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    lock = final.with_name(f".{final.name}.lock")
    with full_disk_named(final, "its lock"):
        descriptor = _locked(lock, final)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
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
            print(f"warning: {final}: not locked against other writers ({error})", flush=True)
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
def full_disk_named(path: str | os.PathLike, what: str) -> Iterator[None]:
    """Turn an OSError for want of space into `DiskFull`: one line with the file and what of it."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        problem = f"no space left on the disk while writing {what}"
        raise DiskFull(f"{path}: {problem}; free some space there and run again") from error


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
