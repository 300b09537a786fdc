"""A real disk of a few megabytes: a tmpfs that only one process sees, where that is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'


def run_on_small_disk(folder: Path, size: str, *command: str) -> subprocess.CompletedProcess:
    """Run a command that sees a tmpfs of `size` at `folder`; skip where none can be had."""
    folder.mkdir(exist_ok=True)
    whole = ["unshare", "--user", "--map-root-user", "--mount"]
    whole += ["sh", "-c", MOUNT, "sh", size, str(folder)]
    if not shutil.which("unshare") or subprocess.run([*whole, "true"], check=False).returncode:
        pytest.skip("no user namespaces here, so no small disk to fill")
    paths = os.pathsep.join([str(ROOT / "workflow" / "src"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(
        [*whole, *command], env=environment, capture_output=True, text=True, check=False
    )


def run_python_on_small_disk(folder: Path, size: str, code: str) -> subprocess.CompletedProcess:
    """The same with Python code, which finds the disk's folder in `sys.argv[1]`."""
    return run_on_small_disk(folder, size, sys.executable, "-c", code, str(folder))
