"""Wheels of PyPI as conda packages, under the names and numbers that conda-forge gives them."""

from __future__ import annotations

import configparser
import email.parser
import email.policy
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.workflow.conda.packages import Member, Package, index

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = PYTHON.replace(".", "")
NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
# conda-forge counts the releases of the Bullet engine, PyPI those of the Python package:
# its 3.2.7 is Bullet's 3.27, after conda-forge's 3.25.
NUMBERS = {("pybullet", "3.2.7"): "3.25"}
# Headers, tests and example models: most files of all, and no rule needs one.
NEEDLESS = re.compile(r"pybullet_data/|(.+/)?(include|tests?)/")


def fetch(requirements: Path, folder: Path) -> list[Path]:
    """The wheels of a requirements file and of all that they need, as pip finds them.

    Raises:
        subprocess.CalledProcessError: pip could neither find nor build one of them.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--requirement", str(requirements), "--wheel-dir", str(folder)]
    subprocess.run(command, check=True)
    return sorted(folder.glob("*.whl"))


def package(wheel: Path) -> Package:
    """A wheel as a conda package: `noarch: python` where it is pure, else of this platform.

    Console scripts come with pure packages only; no rule calls one of another.
    """
    archive = zipfile.ZipFile(wheel)
    folder = next(n for n in map(_top, archive.namelist()) if n.endswith(".dist-info"))
    metadata = _headers(archive, f"{folder}/METADATA")
    is_pure = _headers(archive, f"{folder}/WHEEL")["Root-Is-Purelib"].lower() == "true"
    is_pure = is_pure and wheel.name.endswith("-none-any.whl")
    link = {"noarch": {"type": "python", "entry_points": _scripts(archive, folder)}}
    return Package(
        _index(metadata, is_pure),
        _members(archive, "site-packages" if is_pure else f"lib/python{PYTHON}/site-packages"),
        link | {"package_metadata_version": 1} if is_pure else None,
    )


def _index(metadata: Message, is_pure: bool) -> dict:
    name = canonicalize_name(metadata["Name"])
    version, _, variant = metadata["Version"].partition("+")
    needs = [n for n in map(dependency, metadata.get_all("Requires-Dist", [])) if n]
    python = f"python {(metadata['Requires-Python'] or '').replace(' ', '')}".strip()
    build = "_".join([*([variant] if variant else []), "py_0" if is_pure else f"py{TAG}_0"])
    binary = [] if is_pure else [f"python_abi {PYTHON}.* *_cp{TAG}"]
    number = NUMBERS.get((name, version), version)
    depends = [python, *binary, *needs]
    return index(NAMES.get(name, name), number, build, depends, "python" if is_pure else "")


def dependency(text: str) -> str | None:
    """A line of `Requires-Dist` in conda's words; None where it is not for this machine.

    Extras are left out: no package needs what only those bring.
    """
    need = Requirement(text)
    if need.marker and not need.marker.evaluate({"extra": ""}):
        return None
    name = canonicalize_name(need.name)
    return f"{NAMES.get(name, name)} {','.join(sorted(map(str, need.specifier)))}".strip()


def _top(name: str) -> str:
    return name.split("/")[0]


def _headers(archive: zipfile.ZipFile, name: str) -> Message:
    parser = email.parser.HeaderParser(policy=email.policy.compat32)
    return parser.parsestr(archive.read(name).decode())


def _scripts(archive: zipfile.ZipFile, folder: str) -> list[str]:
    """The console scripts of a wheel, `name = module:function` each."""
    if f"{folder}/entry_points.txt" not in archive.namelist():
        return []
    found = configparser.ConfigParser(delimiters=("=",))
    found.optionxform = str
    found.read_string(archive.read(f"{folder}/entry_points.txt").decode())
    scripts = found["console_scripts"] if found.has_section("console_scripts") else {}
    return [f"{name} = {target.split('[')[0].strip()}" for name, target in scripts.items()]


def _members(archive: zipfile.ZipFile, site: str) -> list[Member]:
    """The files of a wheel, where conda puts them."""
    members = []
    for entry in archive.infolist():
        path = _place(entry.filename, site)
        if path and not entry.is_dir():
            mode = (entry.external_attr >> 16) & 0o777 | 0o644
            members.append(Member(path, entry.file_size, mode, lambda e=entry: archive.open(e)))
    return members


def _place(name: str, site: str) -> str | None:
    """Where a file of a wheel goes; None for what no rule needs."""
    if NEEDLESS.match(name):
        return None
    data = re.match(r"[^/]+\.data/(\w+)/(.+)", name)
    if data is None:
        return f"{site}/{name}"
    places = {"purelib": f"{site}/{data[2]}", "platlib": f"{site}/{data[2]}", "data": data[2]}
    return places.get(data[1])
