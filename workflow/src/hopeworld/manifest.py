"""The manifest of a study: every file that its last products come from, and which job made it.

It is joined from the records, backwards from what `all` asks for. So files of other targets, and
those that older settings have left, are in no way of it; `strangers` names them. Standard library
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hopeworld import records
from hopeworld.files import read_json, write_json
from hopeworld.records import Record, RecordError, facts, owners, remedy

NAME = "manifest.json"

# What is beside the products: what jobs said and took, where they resume, where files come from.
BESIDE = (records.FOLDER, "logs", "benchmarks")
CHECKPOINT = "checkpoint"
SHOWN = 5

Files = dict[str, dict[str, Any]]


def write(study: Path, last: Iterable[Path]) -> None:
    """Write the manifest of all that some last products come from, themselves among it.

    A file is read only where its size or time says that it changed since its job. Raises
    `RecordError` where it did, or where a file has no record.
    """
    known = records.read_all(study)
    files = collect(study, known, [path.relative_to(study).as_posix() for path in last])
    changed = [name for name in files if _has_changed(study, name, files[name])]
    if changed:
        record = study / files[changed[0]]["record"]
        problem = f"not as its job left it (the first of {len(changed)} such files)"
        raise RecordError(f"{study / changed[0]}: {problem}; run `{remedy(record)}`")
    write_json(study / NAME, {"study": study.name, "files": files})
    others = strangers(study, files)
    print(f"manifest: {len(files)} files; {len(others)} others, of other targets or settings")
    for name in others[:SHOWN]:
        print(f"manifest: not in it: {name}")


def collect(study: Path, known: Mapping[str, Record], last: Iterable[str]) -> Files:
    """The files of every job that some files come from: bytes, sha256, rule, wildcards, record.

    Raises `RecordError` for a file of the study that no record names.
    """
    of, pending, seen = owners(known), list(last), set()
    while pending:
        name = pending.pop()
        if name not in of and not name.startswith(records.ELSEWHERE):
            problem = "no record says what made it"
            raise RecordError(f"{study / name}: {problem}; run `{remedy(study / name)}`")
        if name in of and of[name] not in seen:
            seen.add(of[name])
            pending += known[of[name]]["inputs"]
    return {
        output: found | {"rule": r["rule"], "wildcards": r["wildcards"], "record": name}
        for name, r in known.items()
        if name in seen
        for output, found in r["outputs"].items()
    }


def strangers(study: Path, files: Mapping[str, Any]) -> list[str]:
    """The products below a study that its manifest does not name."""
    found = (path.relative_to(study) for path in records.files_of(study))
    others = (p for p in found if p.parts[0] not in BESIDE and CHECKPOINT not in p.parts)
    return sorted(p.as_posix() for p in others if p.as_posix() not in {*files, NAME})


def read(study: Path) -> Files:
    """The files of the manifest; raises `RecordError` where there is none."""
    path = study / NAME
    try:
        return dict(read_json(path)["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"no readable manifest ({type(error).__name__}: {error})"
        raise RecordError(f"{path}: {problem}; run `snakemake {path}`") from error


def verify(study: Path, files: Files) -> Iterator[tuple[Path, list[str]]]:
    """Read every file of a manifest anew and yield it with what is wrong: a line, or none."""
    for name, entry in files.items():
        path = study / name
        yield path, [f"{path}: {problem}" for problem in _problems(path, entry)]


def _problems(path: Path, entry: Mapping[str, Any]) -> Iterator[str]:
    if not path.is_file():
        yield "missing"
    elif (found := facts(path)) != {name: entry[name] for name in found}:
        yield f"has sha256 {found['sha256']}, not {entry['sha256']} of {entry['record']}"


def _has_changed(study: Path, name: str, entry: Mapping[str, Any]) -> bool:
    """Whether a file is not the one of its record; the record is written after it."""
    path, record = study / name, study / entry["record"]
    if not path.is_file() or path.stat().st_size != entry["bytes"]:
        return True
    is_newer = path.stat().st_mtime_ns > record.stat().st_mtime_ns
    return is_newer and bool(list(_problems(path, entry)))
