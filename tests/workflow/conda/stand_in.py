"""A stand-in for conda, which no Python package index has: py-rattler solves and installs.

It answers the calls of Snakemake 9.27 and of `snakedeploy pin-conda-envs`, and refuses all others.
A channel that is a name is a folder of CONDASHIM_ALIAS. It is not conda: it shows that environment
files can be read, solved and activated, not that conda-forge has what they ask for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Snakemake asks for 24.7.1 or later.
VERSION = "26.7.1"
PLATFORM = "linux-64"


def answer(root: Path, arguments: list[str]) -> None:
    """Do what a command line of conda says. `root` is the folder of the stand-in."""
    match arguments:
        case ["--version"]:
            print(f"conda {VERSION}")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(root), "platform": PLATFORM}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *rest]:
            asyncio.run(create(_options(rest), root / "pkgs"))
        case ["create", *rest]:
            asyncio.run(create_pinned(_options(rest), root / "pkgs"))
        case ["list", "--explicit", "--md5", *rest]:
            print("\n".join(pins(_options(rest).prefix)))
        case ["env", "remove", *rest]:
            shutil.rmtree(_options(rest).prefix)
        case ["clean", *_]:
            pass
        case _:
            sys.exit(f"conda stand-in: cannot {' '.join(arguments)}")


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path)
    parser.add_argument("--prefix", type=Path)
    for name in ("--quiet", "--no-default-packages"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--yes", "-y", action="store_true")
    return parser.parse_args(arguments)


async def create(options: argparse.Namespace, cache: Path) -> None:
    """Solve an environment file and install what was found."""
    import yaml
    from rattler import Platform, VirtualPackage, VirtualPackageOverrides, install, solve

    asked = yaml.safe_load(options.file.read_text())
    if not all(isinstance(line, str) for line in asked["dependencies"]):
        sys.exit(f"conda stand-in: {options.file}: no `pip:` section, please")
    records = await solve(
        sources=[channel(name) for name in asked["channels"] if name != "nodefaults"],
        specs=asked["dependencies"],
        platforms=[Platform(PLATFORM), Platform("noarch")],
        virtual_packages=VirtualPackage.detect(VirtualPackageOverrides.from_env()),
    )
    await install(records, options.prefix, cache_dir=cache, show_progress=False)


async def create_pinned(options: argparse.Namespace, cache: Path) -> None:
    """Install the packages of a pin file, without solving."""
    from rattler import RepoDataRecord, install

    lines = options.file.read_text().splitlines()
    urls = [line.partition("#")[0] for line in lines if "://" in line]
    files = [unquote(urlsplit(url).path) for url in urls]
    records = [await RepoDataRecord.from_package_archive(file) for file in files]
    await install(records, options.prefix, cache_dir=cache, show_progress=False)


def channel(name: str) -> str:
    """The address of a channel: its own, or below CONDASHIM_ALIAS."""
    return name if "://" in name else Path(os.environ["CONDASHIM_ALIAS"], name).as_uri()


def pins(prefix: Path) -> list[str]:
    """What `conda list --explicit --md5` prints of an environment."""
    records = [json.loads(p.read_text()) for p in sorted((prefix / "conda-meta").glob("*.json"))]
    return ["@EXPLICIT", *(f"{record['url']}#{record['md5']}" for record in records)]


if __name__ == "__main__":
    try:
        answer(Path(sys.argv[1]), sys.argv[2:])
    except Exception as error:
        sys.exit(f"conda stand-in: {type(error).__name__}: {error}")
    # Not through the interpreter's end: the threads of py-rattler 0.28 now and then crash it.
    sys.stdout.flush()
    os._exit(0)
