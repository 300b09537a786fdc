"""The state that a killed training run resumes from.

The state is one file, so it is never half of two; it is read with `weights_only`, so it
cannot run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hopeworld.files import atomic
from hopeworld.tensor_files import TensorFileError, read_tensors

STATE_FILE = "state.pt"


class CheckpointError(ValueError):
    """A file of resumable state that cannot be used."""


def save_state(folder: Path, fingerprint: str, state: dict[str, Any]) -> Path:
    """Write the resumable state of a run into its folder, atomically; return the file."""
    path = folder / STATE_FILE
    with atomic(path, "the checkpoint") as part:
        _save({"fingerprint": fingerprint, "state": state}, part)
    return path


def _save(content: dict[str, Any], part: Path) -> None:
    """Save through an open file: its name is not in the bytes, and a full disk is an OSError."""
    try:
        with part.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def load_state(folder: Path, fingerprint: str) -> tuple[dict[str, Any] | None, str]:
    """Return the state saved in `folder`, if it is of the same fingerprint, and a line about it.

    Raises CheckpointError for a file that cannot be read.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None, "starting: there is no checkpoint"
    try:
        stored = read_tensors(path)
        known, state = stored["fingerprint"], stored["state"]
        step = state["step"]
    except (TensorFileError, LookupError, TypeError) as error:
        raise CheckpointError(f"{path}: cannot be read; delete it to start again") from error
    if known != fingerprint:
        return None, f"starting again: settings, code or clips changed since {path}"
    return state, f"resuming at step {step} from {path}"


def remove_partial(folder: Path) -> None:
    """Remove what a killed process left half written in a checkpoint folder."""
    for part in folder.glob("*.tmp.*"):
        part.unlink()
