"""Programs that tests need and Python cannot install: from Debian's packages, or a visible skip."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

# Daemons are where an ordinary user does not look.
SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def require(packages: tuple[str, ...], programs: tuple[str, ...]) -> None:
    """Have `programs` on this machine, from Debian `packages` where some are missing.

    Skips the test, and says why, where they cannot be installed.
    """
    if not _missing(programs):
        return
    with (Path(tempfile.gettempdir()) / "hopeworld-apt.lock").open("w") as lock:
        # Two processes of the tests may ask at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = _missing(programs)
        if missing:
            _install(packages, missing)


def _missing(programs: tuple[str, ...]) -> list[str]:
    return [name for name in programs if shutil.which(name, path=SEARCH) is None]


def _install(packages: tuple[str, ...], missing: list[str]) -> None:
    if os.geteuid() or shutil.which("apt-get") is None:
        pytest.skip(f"{', '.join(missing)} not installed, and no root with apt-get to install them")
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, **quiet)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    install += ["-o", "DPkg::Lock::Timeout=300", *packages]
    done = subprocess.run(install, env=environment, check=False, **quiet)
    if done.returncode:
        pytest.skip(f"apt-get could not install {', '.join(packages)}: {done.stdout[-300:]}")
