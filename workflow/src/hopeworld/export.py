"""What a finished study leaves to be kept with the code: verdict, tables, figures, provenance.

Standard library only.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hopeworld.files import atomic, read_json, write_json
from hopeworld.provenance import run_manifest

KEPT = ("verdict.json", "settings.json", "tables/*.csv", "tables/*.tex", "figures/*.png")
PACKAGES = ("snakemake", "torch", "transformers", "pybullet", "numpy", "scipy", "pandas")


def export(results: Path, folder: Path, root: Path) -> list[Path]:
    """Copy what is kept of `results` into `folder`, with provenance.json; return the copies.

    root: the checkout whose commit made the results. Raises ValueError where the study is not done.
    """
    if not (results / "settings.json").exists():
        raise ValueError(f"{results}: no settings.json, so the study is not done; run it first")
    found = sorted(path for pattern in KEPT for path in results.glob(pattern))
    copies = [folder / path.relative_to(results) for path in found]
    for path, copy in zip(found, copies, strict=True):
        with atomic(copy) as part:
            shutil.copyfile(path, part)
    write_json(folder / "provenance.json", provenance(root, read_json(results / "settings.json")))
    return copies


def provenance(root: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Commit, settings hash and versions, with the kind of machine."""
    kept = {name: value for name, value in settings.items() if name != "report"}
    machine = {"processor": _processor(), "cores": os.cpu_count()}
    return run_manifest(root, kept, PACKAGES) | {"hardware": machine}


def _processor() -> str:
    """The processor as Linux names it; else what the platform says."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
