"""Packages and channels in conda's format: what goes into an archive, and the index of a folder.

A `.conda` file is a zip of two tar archives, `info-*` and `pkg-*`, both compressed by zstandard.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

PLATFORM = "linux-64"
# Fast beats small: a package is written and read once.
LEVEL = 1
FORMAT = json.dumps({"conda_pkg_format_version": 2})


@dataclass(frozen=True)
class Member:
    """A file of a package: its place, bytes, mode, and how to open it."""

    path: str
    size: int
    mode: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Package:
    """What `conda` reads of a package: `info/index.json`, its files, `info/link.json`."""

    index: dict
    members: Sequence[Member] = ()
    link: dict | None = None

    @property
    def name(self) -> str:
        return "{name}-{version}-{build}".format(**self.index)


def index(name: str, version: str, build: str, depends: Sequence[str], pure: str = "") -> dict:
    """`info/index.json` of a package; `pure` is its kind where it runs on any platform."""
    anywhere = {"noarch": pure, "subdir": "noarch"}
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": list(depends),
        **(anywhere if pure else {"subdir": PLATFORM, "arch": "x86_64", "platform": "linux"}),
    }


def text_member(path: str, text: str) -> Member:
    """A file that holds `text`."""
    content = text.encode()
    return Member(path, len(content), 0o644, lambda: io.BytesIO(content))


def file_member(path: str, file: Path) -> Member:
    """A copy of a file on the disk."""
    return Member(path, file.stat().st_size, file.stat().st_mode & 0o777, lambda: file.open("rb"))


def write_channel(folder: Path, packages: Iterable[Package]) -> None:
    """Write packages below `folder`, by platform, with the `repodata.json` that lists them."""
    listed: dict[str, dict] = {PLATFORM: {}, "noarch": {}}
    for package in packages:
        path = folder / package.index["subdir"] / f"{package.name}.conda"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(package, path)
        listed[package.index["subdir"]][path.name] = package.index | _checksums(path)
    for subdir, entries in listed.items():
        content = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": entries}
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        (folder / subdir / "repodata.json").write_text(json.dumps(content))


def _write(package: Package, path: Path) -> None:
    paths = [{"_path": member.path, "path_type": "hardlink"} for member in package.members]
    info = {"index": package.index, "paths": {"paths": paths, "paths_version": 1}, "about": {}}
    if package.link:
        info["link"] = package.link
    described = [text_member(f"info/{name}.json", json.dumps(v)) for name, v in info.items()]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", FORMAT)
        for part, members in (("pkg", package.members), ("info", described)):
            with archive.open(f"{part}-{package.name}.tar.zst", "w", force_zip64=True) as file:
                _write_tar(members, file)


def _write_tar(members: Iterable[Member], file: IO[bytes]) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    with (
        compressor.stream_writer(file, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|", bufsize=1 << 20) as tar,
    ):
        for member in members:
            entry = tarfile.TarInfo(member.path)
            entry.size, entry.mode = member.size, member.mode
            with member.open() as content:
                tar.addfile(entry, content)


def _checksums(path: Path) -> dict:
    """What a repository says of a file, so that a client knows it again."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return {"sha256": sha256, "md5": md5, "size": path.stat().st_size}
