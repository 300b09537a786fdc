"""The record of a job: which rule made its files, from what, with what, and their sha256.

It stands in `records/` of the study, written last of a job's outputs. Without the outputs it also
travels in the files themselves, as one JSON text under `KEY`. It says nothing of when, where or by
whom, so two runs on one kind of machine write the same bytes. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hopeworld.files import read_json, write_json

FOLDER = "records"
KEY = "hopeworld_record"

# Packages that numbers or the bytes of files depend on.
PACKAGES = ("av", "crc32c", "einops", "h5py", "matplotlib", "numpy", "pandas", "pillow", "pyarrow")
PACKAGES += ("pybullet", "safetensors", "scipy", "torch", "transformers")

# Instructions by which numpy, torch and their libraries choose among kernels that round otherwise.
INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")

# Before an input that is not of the study, such as the weights of the encoder.
ELSEWHERE = "elsewhere:"
LONG_TEXT = 1000

Record = dict[str, Any]

# Of this process's job: a process runs one, and its writers are many. Set by `carrying` alone.
_carried: list[str] = []


class RecordError(ValueError):
    """A record that is missing, not readable or not of its file."""


@contextlib.contextmanager
def carrying(record: Mapping[str, Any]) -> Iterator[None]:
    """Have the files that the block writes carry this record; none if it is empty."""
    before = list(_carried)
    _carried[:] = [json.dumps(record, sort_keys=True)] if record else []
    try:
        yield
    finally:
        _carried[:] = before


def carried(key: str = KEY) -> dict[str, str]:
    """What a file carries in its metadata: {key: the job's record as JSON}; {} outside a job."""
    return dict.fromkeys([key], *_carried) if _carried else {}


def describe(job: Any, study: Path, root: Path, device: str) -> Record:
    """The record of a job, without its outputs.

    job: Snakemake's object in a script.   study: folder of its results.   root: the workflow's.
    device: `cpu` or the name of a GPU.
    """
    return {
        "rule": job.rule,
        "wildcards": dict(job.wildcards.items()),
        "params": _plain(dict(job.params.items())),
        "inputs": sorted({_place(path, study, root) for path in job.input}),
        "versions": versions(),
        "platform": machine(),
        "device": device,
    }


def finish(record: Record, path: Path, made: Iterable[Path], study: Path) -> None:
    """Write a record with the size and sha256 of every file of a job, those of folders too."""
    files = sorted(file for one in made for file in files_of(one))
    outputs = {file.relative_to(study).as_posix(): facts(file) for file in files}
    write_json(path, record | {"outputs": outputs})


def study_of(record: Path) -> Path:
    """The folder of the study that a record belongs to: results/<study>."""
    return Path(*record.parts[:2])


def files_of(path: Path) -> list[Path]:
    """A file, or the files of a folder but hidden ones, which are Snakemake's."""
    if not path.is_dir():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]


def facts(path: Path) -> dict[str, Any]:
    """Size and sha256 of a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": sha256}


def read_all(study: Path) -> dict[str, Record]:
    """The records of a study, by their path below it; raises `RecordError`."""
    paths = sorted((study / FOLDER).rglob("*.json"))
    return {path.relative_to(study).as_posix(): read(path) for path in paths if _is_final(path)}


def read(path: Path) -> Record:
    """Read a record; raises `RecordError`."""
    try:
        record = read_json(path)
        return record | {"outputs": dict(record["outputs"])}
    except (ValueError, KeyError, TypeError, OSError) as error:
        problem = f"not a readable record ({type(error).__name__}: {error})"
        raise RecordError(f"{path}: {problem}; run `{remedy(path)}`") from error


def remedy(target: Path) -> str:
    """The command that runs the job of a file or a record again."""
    return f"snakemake --force {target}"


def owners(records: Mapping[str, Record]) -> dict[str, str]:
    """The path of the record of every output, and of the folders that outputs stand in."""
    found: dict[str, str] = {}
    for name, record in records.items():
        for output in record["outputs"]:
            found[output] = name
            for folder in PurePosixPath(output).parents:
                found.setdefault(str(folder), name)
    return found


def of_file(study: Path, path: Path) -> Record:
    """The record of a file of a study without its outputs; {} where there is none."""
    name = path.relative_to(study).as_posix()
    found = (record for record in read_all(study).values() if name in record["outputs"])
    return {key: value for key, value in next(found, {}).items() if key != "outputs"}


def versions() -> dict[str, str]:
    """Python and those of `PACKAGES` that this environment has."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def machine() -> dict[str, str]:
    """What lets equal code round otherwise: system, processor, and its instructions."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    pairs = (line.partition(":") for line in lines)
    about = {name.strip(): value.strip() for name, _, value in pairs}
    flags = about.get("flags", about.get("Features", "")).split()
    vendor = about.get("vendor_id", about.get("CPU implementer", platform.processor()))
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{vendor} family {about.get('cpu family', 'unknown')}",
        "instructions": " ".join(name for name in INSTRUCTIONS if name in flags),
    }


def _is_final(path: Path) -> bool:
    return ".tmp." not in path.name


def _plain(value: Any) -> Any:
    """A param as JSON holds it; a whole document by its sha256."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, str) and len(value) > LONG_TEXT:
        return f"sha256 {hashlib.sha256(value.encode()).hexdigest()}"
    return value


def _place(path: str, study: Path, root: Path) -> str:
    """A path below the study; of another file `ELSEWHERE` and its name, or path in the workflow."""
    for folder, prefix in ((study, ""), (root, ELSEWHERE)):
        place = os.path.relpath(path, folder)
        if not place.startswith(os.pardir):
            return f"{prefix}{place}"
    return f"{ELSEWHERE}{os.path.basename(path)}"
