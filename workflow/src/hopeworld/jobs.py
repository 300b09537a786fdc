"""A job of the workflow as its script runs it: its log, its device, its outputs, its record.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopeworld import records
from hopeworld.runlog import written_to
from hopeworld.stopping import stop_quietly_if_script

# Scripts import this module first, and then what takes seconds.
stop_quietly_if_script()

RECORD = "record"
CPU = "cpu"
Claim = Callable[[Mapping[str, str]], AbstractContextManager[str]]


@dataclass(frozen=True)
class Job:
    """What a script has to know of its job beside params and inputs."""

    outputs: dict[str, Path]  # by name, without the record
    device: str


def lend_package() -> None:
    """Have scripts import this copy of the package, also where another one is installed.

    Snakemake gives them the path of the workflow too, but last, behind what is installed.
    """
    source = str(Path(__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [source, *(path for path in others if path not in ("", source))]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def on_cpu(compute: Mapping[str, str]) -> AbstractContextManager[str]:
    """The device of a rule that uses no GPU, whatever the section `compute` says."""
    return contextlib.nullcontext(CPU)


@contextlib.contextmanager
def running(job: Any, claim: Claim = on_cpu) -> Iterator[Job]:
    """Run the block as a job with its log and device; what it writes carries the job's record.

    The record itself, an output of the rule, is written when the block has ended well.

    job: Snakemake's object in a script.   claim: `device.claimed` where a GPU may be used.
    """
    outputs = {name: Path(path) for name, path in job.output.items()}
    path = outputs.pop(RECORD)
    study, root = records.study_of(path), Path(job.scriptdir).resolve().parents[1]
    with written_to(job.log[0]), claim(job.config["compute"]) as device:
        record = records.describe(job, study, root, _name(device))
        with records.carrying(record):
            yield Job(outputs, device)
        records.finish(record, path, outputs.values(), study)


def _name(device: str) -> str:
    """The CPU, or the model of a GPU; who claimed one has imported torch."""
    return device if device == CPU else sys.modules["torch"].cuda.get_device_name(device)
