"""The state that a killed training run resumes from.

The state is one file, so it is never half of two; it is read with `weights_only`, so it
cannot run code.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from hopeworld.files import atomic

STATE_FILE = "state.pt"


class CheckpointError(ValueError):
    """A file of resumable state that cannot be used."""


def save_state(folder: Path, fingerprint: str, state: dict[str, Any]) -> Path:
    """Write the resumable state of a run into its folder, atomically; return the file."""
    path = folder / STATE_FILE
    with atomic(path) as part:
        torch.save({"fingerprint": fingerprint, "state": state}, part)
    return path


def load_state(folder: Path, fingerprint: str) -> tuple[dict[str, Any] | None, str]:
    """Return the state saved in `folder`, if it is of the same fingerprint, and a line about it.

    Raises CheckpointError for a file that cannot be read.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None, "starting: there is no checkpoint"
    problem = f"{path}: cannot be read; delete it to start again"
    if not zipfile.is_zipfile(path):
        raise CheckpointError(problem)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        known, state = stored["fingerprint"], stored["state"]
    except (RuntimeError, pickle.UnpicklingError, KeyError, TypeError) as error:
        raise CheckpointError(problem) from error
    if known != fingerprint:
        return None, f"starting again: settings, code or clips changed since {path}"
    return state, f"resuming at step {state['step']} from {path}"


def remove_partial(folder: Path) -> None:
    """Remove what a killed process left half written in a checkpoint folder."""
    for part in folder.glob("*.tmp.*"):
        part.unlink()
