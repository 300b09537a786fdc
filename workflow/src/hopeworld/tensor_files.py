"""Files of `torch.save`, read as tensors and plain values: nothing that is in them is run."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import torch


class TensorFileError(ValueError):
    """What is wrong with a file that should hold tensors, without its name."""


def read_tensors(path: Path, mmap: bool = False) -> Any:
    """Read what `torch.save` wrote at `path`, to the CPU, mapped into memory or copied.

    Raises:
        TensorFileError: a file that is not whole, or that holds other objects.
        OSError: of the disk.
    """
    if not zipfile.is_zipfile(path):
        raise TensorFileError("unreadable (no whole checkpoint in the zip format of torch.save)")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except OSError:
        raise
    except Exception as error:
        # In a damaged file the unpickler stumbles over anything, in its own words or in Python's.
        objects = re.findall(r"GLOBAL (\S+)", str(error))
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TensorFileError(
            f"holds more than tensors ({objects[0]})" if objects else f"unreadable ({reason})"
        ) from error
