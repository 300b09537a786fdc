"""The device of a job: the CPU, or one GPU that no other job of this machine has.

Snakemake counts GPUs and does not tell jobs apart, so each locks one, by a file that all users of
the machine share; the kernel takes a lock back however its process ends. A job takes its GPU from
CUDA_VISIBLE_DEVICES where that is set, and of those that SLURM allotted where it runs there.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import math
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from hopeworld import progress

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path("/tmp/hopeworld-gpus")
RETRY_S = 1.0
UNSAFE = re.compile(r"[^\w.-]")
# Files of others can be locked, and nobody but their owner can remove them.
OPEN_FOLDER, OPEN_FILE = 0o1777, 0o666


class NoDevice(ValueError):
    """A GPU that is asked for and not there, or that cannot be had for oneself."""


@contextlib.contextmanager
def claimed(compute: Mapping[str, str]) -> Iterator[str]:
    """Yield the device of the section `compute`: `cpu`, or `cuda:<n>`, this job's own.

    Waits, and says so, while every GPU is taken. A job for the CPU sees no GPU at all; one for a
    GPU never runs without: raises `NoDevice` where PyTorch sees none.
    """
    if compute["device"] == "cpu":
        with _hidden():
            yield "cpu"
        return
    names = _names(_count())
    number, lock = _wait_for_one(names)
    try:
        # Pinned memory and what else asks for no device in particular belongs to the same one.
        with torch.cuda.device(number):
            print(f"device: cuda:{number} ({names[number]})", file=sys.stderr, flush=True)
            yield f"cuda:{number}"
    finally:
        os.close(lock)


@contextlib.contextmanager
def _hidden() -> Iterator[None]:
    """Show no GPU to this process, which has not used one yet."""
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = ""
    try:
        yield
    finally:
        os.environ.pop(VISIBLE)
        os.environ.update({} if before is None else {VISIBLE: before})


def _count() -> int:
    """How many GPUs PyTorch sees; raises `NoDevice` for none, and where SLURM has given none."""
    if "SLURM_JOB_ID" in os.environ and VISIBLE not in os.environ:
        raise NoDevice(
            "config: compute.device = 'cuda': SLURM gave this job no GPU; ask for one in "
            f"profiles/slurm, or set {VISIBLE} where SLURM does not manage GPUs"
        )
    count = torch.cuda.device_count()
    if not count:
        visible = os.environ.get(VISIBLE)
        why = "" if visible is None else f" ({VISIBLE} is {visible!r})"
        raise NoDevice(
            f"config: compute.device = 'cuda': PyTorch sees no GPU here{why}; set compute.device: "
            "cpu, or install a CUDA build of PyTorch and check the driver with nvidia-smi"
        )
    return count


def _names(count: int) -> list[str]:
    """What the GPUs are called that PyTorch numbers from 0: as CUDA_VISIBLE_DEVICES says.

    In SLURM, where every job may see its own GPUs as 0, 1, ..., the names are of the job.
    """
    listed = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    within = [os.environ[n] for n in ("SLURM_JOB_ID", "SLURM_STEP_ID") if n in os.environ]
    names = [*listed, *map(str, range(len(listed), count))][:count]
    return ["-".join((*(f"slurm{n}" for n in within), f"gpu{name}")) for name in names]


def _wait_for_one(names: Sequence[str]) -> tuple[int, int]:
    """The number of the first free GPU and its open lock; closing that frees the GPU."""
    folder, began, spoke = _folder(), time.monotonic(), -math.inf
    while True:
        holders = []
        for number, name in enumerate(names):
            lock = _open(folder / f"{UNSAFE.sub('_', name)}.lock")
            if not _is_taken(lock):
                _sign(lock)
                return number, lock
            holders.append(f"{name} by {_holder(lock)}")
            os.close(lock)
        if time.monotonic() - spoke >= progress.SECONDS_BETWEEN_LINES:
            spoke = time.monotonic()
            waited = f"{spoke - began:.0f} s"
            taken = ", ".join(holders)
            print(f"device: waiting for a GPU, {waited}: {taken}", file=sys.stderr, flush=True)
        time.sleep(RETRY_S)


def _folder() -> Path:
    """The folder of the locks, which every user may write to."""
    with contextlib.suppress(FileExistsError), _for_all_users():
        LOCKS.mkdir(OPEN_FOLDER)
    if LOCKS.is_symlink() or not LOCKS.is_dir():
        raise _unusable(LOCKS, "not a folder")
    return LOCKS


def _open(path: Path) -> int:
    """Open a lock file that any user may have made, or make it for all users."""
    try:
        # First without O_CREAT: in such a folder the kernel may refuse it for the files of others.
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise _unusable(path, error.strerror) from error


def _make(path: Path) -> int:
    try:
        with _for_all_users():
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OPEN_FILE)
    except FileExistsError:
        return _open(path)
    except OSError as error:
        raise _unusable(path, error.strerror) from error


@contextlib.contextmanager
def _for_all_users() -> Iterator[None]:
    """Make files with the permissions that are asked for, from their first moment."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def _unusable(path: Path, reason: str) -> NoDevice:
    remedy = f"have {LOCKS} removed while no job runs; every user must be able to write to it"
    return NoDevice(f"{path}: a GPU cannot be locked ({reason}); {remedy}")


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _holder(lock: int) -> str:
    """Who has signed a lock."""
    text = os.pread(lock, 200, 0).decode(errors="replace")
    return "".join(filter(str.isprintable, text)) or "an unknown process"


def _sign(lock: int) -> None:
    """Write who holds a lock; this also keeps the file from looking forgotten."""
    os.ftruncate(lock, 0)
    with contextlib.suppress(OSError):
        os.pwrite(lock, f"process {os.getpid()} of {getpass.getuser()}".encode(), 0)
