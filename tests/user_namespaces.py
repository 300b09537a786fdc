"""Commands in a user namespace: another user, or a folder that is read-only. No root needed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def as_another_user() -> list[str]:
    """The start of a command without the rights of root: permissions hold for it."""
    return _usable(["unshare", "--user", "--map-user=1000", "--map-group=1000"])


def with_read_only(folder: Path) -> list[str]:
    """The start of a command that sees a folder on a read-only file system."""
    start = _usable(["unshare", "--user", "--map-root-user", "--mount"])
    return [*start, "sh", "-c", READ_ONLY, "sh", str(folder)]


def _usable(start: list[str]) -> list[str]:
    """The command, if this system allows it; else the test is skipped."""
    if not shutil.which("unshare") or subprocess.run([*start, "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    return start
