"""A local channel of what requirements.txt pins, and the stand-in that installs from it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.conda import interpreter, wheels
from tests.workflow.conda.packages import Package, write_channel

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Conda:
    """The folder of the stand-in, and that of the channels it knows by name."""

    root: Path
    channels: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell in which `conda` is the stand-in."""
        path = f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": path, "CONDASHIM_ALIAS": str(self.channels)}


def build_channels(requirements: Path, folder: Path, scratch: Path) -> None:
    """Make the channels conda-forge and bioconda of a requirements file, below `folder`.

    Wheels are gathered in `scratch`. What is Snakemake's lies in bioconda, as on the real one.
    """
    found = [wheels.package(wheel) for wheel in wheels.fetch(requirements, scratch)]
    found += interpreter.packages()
    write_channel(folder / "bioconda", [p for p in found if _is_bioconda(p)])
    write_channel(folder / "conda-forge", [p for p in found if not _is_bioconda(p)])


def install_stand_in(root: Path, channels: Path) -> Conda:
    """Write `bin/conda` and `bin/activate`, run by this interpreter, below `root`."""
    binaries = root / "bin"
    binaries.mkdir(parents=True)
    words = [sys.executable, "-I", str(HERE / "stand_in.py"), str(root)]
    (binaries / "conda").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    (binaries / "conda").chmod(0o755)
    shutil.copy(HERE / "activate.sh", binaries / "activate")
    return Conda(root, channels)


def _is_bioconda(package: Package) -> bool:
    return package.index["name"].startswith("snakemake")
