"""The data set as a folder: built beside its place, given its name when all of it is right.

The same clips, settings and code give the same bytes; nothing in it says when or where.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
import yaml

from hopeworld import settings
from hopeworld.dataset.card import card
from hopeworld.dataset.contents import Contents, splits
from hopeworld.dataset.pairs import write_pairs
from hopeworld.dataset.parts import Examples, Part, copy_part, parts_of
from hopeworld.dataset.previews import write_preview
from hopeworld.dataset.sheets import write_sheet
from hopeworld.files import atomic, exclusive, write_error_named, write_json
from hopeworld.parquet import write_table
from hopeworld.progress import Progress
from hopeworld.provenance import config_hash
from hopeworld.records import carried
from hopeworld.simulation.table import Shard

PAIRED = "probe"


class DatasetError(ValueError):
    """Clips that do not make up one data set."""


@dataclass(frozen=True)
class Publication:
    """What is published, and what is said about it.

    sections: plain values of the settings that made the clips. papers: texts by file name, licence
    and citation. code: fingerprint of what simulates and draws.
    """

    study: str
    shards: tuple[Shard, ...]
    validity: Mapping[str, Any]
    sections: Mapping[str, Any]
    figures: settings.Figures
    papers: Mapping[str, str]
    code: str

    @property
    def simulation(self) -> settings.Simulation:
        """The physics."""
        return settings.read(settings.Simulation, self.sections["simulation"], "simulation")

    @property
    def appearance(self) -> settings.Appearance:
        """The looks."""
        return settings.read(settings.Appearance, self.sections["appearance"], "appearance")

    @property
    def camera(self) -> settings.Camera:
        """The view."""
        return settings.read(settings.Camera, self.sections["camera"], "camera")


def publish(job: Publication, folder: Path, log: TextIO) -> None:
    """Write the data set to `folder`, whole or not at all; progress goes to `log`.

    Raises ClipError or TableError where a clip is missing, truncated or not what its table says,
    DatasetError where the validity report is of other clips, InUse where another process writes
    there, DiskFull.
    """
    parts = parts_of(job.shards)
    _require_measured(parts, job.validity)
    with exclusive(folder), write_error_named(folder, "the data set"), replaced(folder) as made:
        clips = _write_parts(job, parts, made, log)
        write_table(clips, made / "clips.parquet")
        _write_texts(job, parts, clips, made)
        _write_sums(made)
    print(f"dataset: {len(clips)} clips in {folder}", file=log, flush=True)


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder` that takes its place at the end, or is removed.

    What killed writers left beside it is removed too; its writer must be alone.
    """
    for leftover in folder.parent.glob(f"{folder.name}.tmp.*"):
        shutil.rmtree(leftover)
    made = folder.with_name(f"{folder.name}.tmp.{os.getpid()}")
    made.mkdir(parents=True)
    try:
        yield made
        if folder.exists():
            # Whole under its name, or not there at all.
            os.replace(folder, made.with_name(f"{made.name}.old"))
        os.replace(made, folder)
        shutil.rmtree(made.with_name(f"{made.name}.old"), ignore_errors=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _require_measured(parts: Sequence[Part], validity: Mapping[str, Any]) -> None:
    measured = {f"{group['split']}_{group['domain']}" for group in validity["groups"]}
    differing = sorted(measured ^ {part.name for part in parts})
    if differing:
        raise DatasetError(
            f"dataset: {differing[0]} is among the clips or in validity.json, not both; "
            "validate the clips again"
        )


def _write_parts(
    job: Publication, parts: Sequence[Part], folder: Path, log: TextIO
) -> pd.DataFrame:
    """Videos, states and pictures of every part; only the clips shown are held in memory."""
    total = sum(group["clips"] for group in job.validity["groups"])
    progress = Progress("dataset", total, "clips", log=log)
    tables, paired = [], {}
    for part in parts:
        shown = job.sections["dataset"]["preview_clips"]
        table, examples = copy_part(part, folder, shown, progress.count)
        tables.append(table)
        _draw(job, examples, part.name, folder)
        if part.split == PAIRED:
            paired[part.domain] = examples
    path, hz = folder / "previews" / "pairs.gif", job.simulation.frame_hz
    write_pairs(path, (paired["A"], paired["B"]), job.camera, job.figures, hz)
    return pd.concat(tables, ignore_index=True)


def _draw(job: Publication, examples: Examples, name: str, folder: Path) -> None:
    write_preview(folder / f"previews/{name}.mp4", examples.frames, job.simulation.frame_hz)
    write_sheet(folder / f"sheets/{name}.png", examples, job.camera, job.figures)


def _write_texts(
    job: Publication, parts: Sequence[Part], clips: pd.DataFrame, folder: Path
) -> None:
    """The data card, the splits, the settings, licence and citation."""
    sections = {"study": job.study} | json.loads(json.dumps(job.sections))
    versions = {json.dumps(v, sort_keys=True) for part in parts for v in part.versions}
    contents = Contents(
        study=job.study,
        simulation=job.simulation,
        appearance=job.appearance,
        camera=job.camera,
        clips=clips,
        validity=job.validity,
        versions=tuple(json.loads(text) for text in sorted(versions)),
        code=job.code,
        settings_sha256=config_hash(sections),
        megabytes={path.name: _megabytes(path) for path in sorted(folder.iterdir())},
    )
    write_json(folder / "splits.json", splits(contents))
    settings_text = yaml.safe_dump(sections, sort_keys=False, default_flow_style=None)
    texts = {"README.md": card(contents), "settings.yaml": settings_text} | dict(job.papers)
    texts |= carried("provenance.json")
    for name, text in texts.items():
        with atomic(folder / name) as path:
            path.write_text(text)


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def _write_sums(folder: Path) -> None:
    """SHA256SUMS of all files, in the format of sha256sum."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = []
    for path in files:
        with path.open("rb") as file:
            total = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{total}  {path.relative_to(folder)}\n")
    with atomic(folder / "SHA256SUMS") as path:
        path.write_text("".join(lines))
