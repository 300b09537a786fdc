"""The interpreter that runs the tests, as conda's package `python`."""

from __future__ import annotations

import platform
import sys
import sysconfig
from pathlib import Path

from tests.workflow.conda.packages import Member, Package, file_member, index, text_member
from tests.workflow.conda.wheels import PYTHON, TAG

LEFT_OUT = {"__pycache__", "test", "tests", "idlelib", "site-packages", "dist-packages"}
SITE = Path(__file__).with_name("sitecustomize.py")


def packages() -> list[Package]:
    """The package `python`, and `python_abi`, by which others name the version they are for.

    The executable is copied, so the prefix it finds is that of its new place; a shared libpython
    is found where it was.
    """
    needs = [f"python_abi {PYTHON}.* *_cp{TAG}"]
    python = index("python", platform.python_version(), "0_cpython", needs)
    python["python_site_packages_path"] = f"lib/python{PYTHON}/site-packages"
    abi = index("python_abi", PYTHON, f"0_cp{TAG}", [], "generic")
    return [Package(python, _members()), Package(abi)]


def _members() -> list[Member]:
    executable = Path(sys.executable).resolve()
    library, target = Path(sysconfig.get_path("stdlib")), f"lib/python{PYTHON}"
    names = ("python", "python3", f"python{PYTHON}")
    members = [file_member(f"bin/{name}", executable) for name in names]
    for file in sorted(library.rglob("*")):
        place = file.relative_to(library)
        if file.is_file() and not LEFT_OUT & set(place.parts) and place.name != SITE.name:
            members.append(file_member(f"{target}/{place}", file))
    members.append(file_member(f"{target}/{SITE.name}", SITE))
    return [*members, text_member(f"{target}/site-packages/README.txt", "packages\n")]
