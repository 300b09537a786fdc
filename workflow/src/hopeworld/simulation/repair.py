"""Find clips that are not what their table says, and make those again, and no others.

A clip is drawn anew from the settings in the attributes of its table and takes its place only if
its frames have the digest of the table. A broken table is made from the settings of another and
takes its place if its digests are those of the clips that are there. The modification times that
the workflow looks at stay, so it computes nothing again.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hopeworld.files import exclusive, keep_time, move, workflow_time
from hopeworld.progress import tracked
from hopeworld.records import carrying, of_file
from hopeworld.settings import Appearance, Camera, Simulation, read
from hopeworld.simulation.shards import ShardJob, simulate_shard
from hopeworld.simulation.table import TableError, read_attributes, read_clip_table
from hopeworld.video.clips import ClipError, clip_path, read_clip, require_frames

SHARD = "[0-9]" * 5
PLAIN = ("A", "B")  # domains whose settings are the same


def tables(results: Path) -> list[Path]:
    """Where the clip table of every shard is, or should be: beside the folder of its clips."""
    found = results.glob(f"clips/*/{SHARD}*")
    return sorted({path.with_suffix(".h5") for path in found if ".tmp." not in path.name})


def verify(results: Path) -> Iterator[tuple[Path, dict[Path, str]]]:
    """Yield every clip table with its broken files: the problem, one line, by path."""
    for path in tables(results):
        try:
            table = read_clip_table(path)
        except TableError as error:
            yield path, {path: str(error)}
            continue
        folder = path.with_suffix("")
        pairs = zip(table["clip"], table["frames_sha256"], strict=True)
        checked = {clip_path(folder, clip): sha256 for clip, sha256 in pairs}
        found = {file: _problem(file, sha256) for file, sha256 in checked.items()}
        yield path, {file: problem for file, problem in found.items() if problem}


def _problem(path: Path, sha256: str) -> str:
    """What is wrong with a clip; '' if nothing is."""
    try:
        require_frames(path, read_clip(path), sha256)
    except ClipError as error:
        return str(error)
    return ""


def repair(results: Path) -> Iterator[str]:
    """Make every broken clip and table again; yield a line for each.

    What cannot be made again stays as it is, and its line says why.
    """
    checked = tracked(verify(results), "clips", len(tables(results)), "shards")
    for table, broken in checked:
        for path in broken:
            try:
                with exclusive(table):
                    done = (
                        _table_again(results, table) if path == table else _clip_again(table, path)
                    )
                yield f"{path}: {done}"
            except ValueError as error:
                yield f"{path}: not repaired: {error}"


def _clip_again(table: Path, path: Path) -> str:
    """Draw one clip anew and put it in its place."""
    attributes, columns = read_attributes(table), read_clip_table(table)
    clip = int(path.stem)
    recorded = dict(zip(columns["clip"].tolist(), columns["frames_sha256"], strict=True))[clip]
    folder = table.with_suffix("")
    seen_ns = workflow_time(folder if folder.exists() else table)
    job = _job(attributes, table, range(clip, clip + 1))
    try:
        simulate_shard(job, sys.stdout)
        if read_clip_table(job.table)["frames_sha256"][0] != recorded:
            made = attributes["versions"]
            raise ClipError(path, f"drawn anew it has other pixels; it was made with {made}")
        folder.mkdir(exist_ok=True)
        move(clip_path(job.folder, clip), path)
        keep_time(folder, seen_ns)
    finally:
        shutil.rmtree(job.table.parent, ignore_errors=True)
    return "made again, the same as before"


def _table_again(results: Path, table: Path) -> str:
    """Simulate a shard anew for its table, and put that in its place if it fits the clips."""
    folder = table.with_suffix("")
    numbers = sorted(int(path.stem) for path in folder.glob("[0-9]*.mp4") if path.stem.isdigit())
    if not numbers:
        raise TableError(table, "no clip is there to compare with")
    job = _job(_settings_beside(results, table), table, range(numbers[0], numbers[-1] + 1))
    try:
        with carrying(of_file(results, table)):
            simulate_shard(job, sys.stdout)
        columns = read_clip_table(job.table)
        digests = dict(zip(columns["clip"].tolist(), columns["frames_sha256"], strict=True))
        if not any(not _problem(clip_path(folder, n), digests[n]) for n in numbers):
            raise TableError(table, "simulated anew, it fits none of the clips that are there")
        move(job.table, table)
        keep_time(table, workflow_time(folder))
    finally:
        shutil.rmtree(job.table.parent, ignore_errors=True)
    return "made again; it fits the clips"


def _settings_beside(results: Path, table: Path) -> dict[str, Any]:
    """The attributes of a table that was made with the settings of a broken one."""
    split, domain = table.parent.name.rsplit("_", 1)
    for other in tables(results):
        try:
            attributes = read_attributes(other)
        except TableError:
            continue
        if attributes["domain"] == domain or {attributes["domain"], domain} <= set(PLAIN):
            return attributes | {"split": split, "domain": domain}
    raise TableError(table, "no other table has its settings")


def _job(attributes: Mapping[str, Any], table: Path, clips: range) -> ShardJob:
    """The job that made some clips of a shard, into a folder of its own beside them."""
    settings = attributes["settings"]
    part = table.with_name(f"{table.stem}.repair") / table.name
    return ShardJob(
        split=attributes["split"],
        domain=attributes["domain"],
        clips=clips,
        simulation=read(Simulation, settings["simulation"], "simulation"),
        appearance=read(Appearance, settings["appearance"], "appearance"),
        camera=read(Camera, settings["camera"], "camera"),
        table=part,
        folder=part.with_suffix(""),
    )
