"""Known vulnerabilities of what this project installs: `python -m tests.audit`, or `make audit`.

Asks the advisory service of PyPI, by pip-audit, about the requirements files and all that they
require, in the versions of this environment; what is not installed here is named, not asked about.
docs/security.md explains findings by their identifier; those do not fail the command.

Exit status: 0 nothing unexplained is known, 1 a finding, 3 the service did not answer for all.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOOL = "pip-audit==2.10.1"
FILES = ("requirements.txt", "requirements-dev.txt", "benchmarks/requirements.txt")
EXPLAINED = re.compile(r"\b(?:PYSEC-\d+-\d+|GHSA(?:-\w{4}){3}|CVE-\d+-\d+)\b")
FOUND, UNKNOWN = 1, 3


def main() -> int:
    """Ask about every package and print what is known; return the exit status."""
    packages, absent = closure(named())
    report, problem = ask(packages)
    explained = set(EXPLAINED.findall((ROOT / "docs" / "security.md").read_text()))
    lines, status = verdict((packages, absent), report, problem, explained)
    print("\n".join(lines))
    return status


def named() -> list[str]:
    """The packages of the requirements files."""
    lines = [line for name in FILES for line in (ROOT / name).read_text().splitlines()]
    return [line.split("==")[0] for line in lines if "==" in line]


def closure(names: list[str]) -> tuple[list[str], list[str]]:
    """Of `names` and what they require: `name==version` of the installed, names of the others."""
    found: dict[str, str] = {}
    absent: set[str] = set()
    pending = list(names)
    while pending:
        name = canonicalize_name(pending.pop())
        if name in found:
            continue
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            absent.add(name)
            continue
        # What follows a plus names a build, not a version that advisories know.
        found[name] = package.version.split("+")[0]
        needed = map(Requirement, package.requires or ())
        pending += [one.name for one in needed if not one.marker or one.marker.evaluate()]
    return sorted(f"{name}=={version}" for name, version in found.items()), sorted(absent)


def ask(packages: list[str]) -> tuple[dict[str, Any] | None, str]:
    """What pip-audit reports in JSON, or None and its last line where it cannot."""
    try:
        program = tool()
    except subprocess.CalledProcessError:
        return None, f"{TOOL} cannot be installed"
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "requirements.txt"
        pinned.write_text("\n".join(packages) + "\n")
        command = [program, "--requirement", pinned, "--no-deps", "--disable-pip", "--format=json"]
        done = subprocess.run(
            [*command, "--progress-spinner=off"], text=True, capture_output=True, check=False
        )
    if not done.stdout.startswith("{"):
        return None, (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return json.loads(done.stdout), ""


def tool() -> Path:
    """The program, in an environment of its own inside this one; installed when it is not there."""
    folder = Path(sys.prefix) / "audit"
    program = folder / "bin" / "pip-audit"
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", TOOL], check=True)
    return program


def verdict(
    packages: tuple[list[str], list[str]],
    report: dict[str, Any] | None,
    problem: str,
    explained: set[str],
) -> tuple[list[str], int]:
    """The lines to print and the exit status of one report; packages: as `closure` tells them."""
    if report is None:
        return [
            f"audit: the advisory service cannot be asked: {problem}; nothing is known"
        ], UNKNOWN
    lines, found = [], False
    for package in report["dependencies"]:
        for one in package.get("vulns", ()):
            known = explained & {one["id"], *one.get("aliases", ())}
            found |= not known
            said = (
                "explained in docs/security.md" if known else "not explained; update, or explain it"
            )
            fixed = ", ".join(one["fix_versions"]) or "no version"
            name = f"{package['name']} {package['version']}"
            lines.append(f"audit: {name}: {one['id']}, fixed in {fixed}: {said}")
    silent = [one["name"] for one in report["dependencies"] if "skip_reason" in one]
    installed, absent = packages
    count = f"{len(installed) - len(silent)} of {len(installed) + len(absent)}"
    lines.append(f"audit: the advisory service answered for {count} packages")
    if silent:
        names = ", ".join(silent[:8]) + ", ..." * (len(silent) > 8)
        lines.append(f"audit: nothing is known of {names}; ask again with a network")
    if absent:
        lines.append(f"audit: not installed, so not asked about: {', '.join(absent)}; install them")
    return lines, FOUND if found else UNKNOWN if silent or absent else 0


if __name__ == "__main__":
    sys.exit(main())
