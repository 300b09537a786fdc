"""The device of a job: the CPU, or one GPU that no other job of this machine has.

Snakemake counts GPUs and does not tell jobs apart, so each takes one by a lock file. A cluster, or
whoever set CUDA_VISIBLE_DEVICES, has already chosen.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import torch

CHOSEN_BY = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
RETRY_S = 1.0


class NoDevice(ValueError):
    """A GPU that is asked for and not there."""


@contextlib.contextmanager
def claimed(compute: Mapping[str, str]) -> Iterator[str]:
    """Yield the device of the section `compute`: `cpu`, `cuda` or `cuda:<n>`, locked until the end.

    Waits while every GPU is taken. Raises `NoDevice` where PyTorch sees none.
    """
    if compute["device"] == "cpu":
        yield "cpu"
        return
    count = torch.cuda.device_count()
    if not count:
        raise NoDevice(
            "config: compute.device = 'cuda': PyTorch sees no GPU here; set compute.device: cpu, "
            "or install a CUDA build of PyTorch and check the driver with nvidia-smi"
        )
    if any(name in os.environ for name in CHOSEN_BY):
        yield "cuda"
        return
    index, lock = _wait_for_one(count)
    with lock:
        yield f"cuda:{index}"


def _wait_for_one(count: int) -> tuple[int, TextIO]:
    """The first free device and its open lock file; closing the file frees the device."""
    folder = Path(tempfile.gettempdir()) / f"hopeworld-gpus-{getpass.getuser()}"
    folder.mkdir(exist_ok=True)
    while True:
        for index in range(count):
            lock = (folder / f"{index}.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return index, lock
            except BlockingIOError:
                lock.close()
        time.sleep(RETRY_S)
