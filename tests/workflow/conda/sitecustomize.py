"""Runs when an interpreter of the local channel starts; it is part of its package `python`.

With CONDASHIM_WITNESS set, every process leaves a file in that folder: what it ran, its prefix and
where each package that it imported came from.
"""

import atexit
import json
import os
import site
import sys
import time


def add_packages() -> None:
    """Look into site-packages: the Python of Debian looks into dist-packages alone."""
    folder = os.path.join(sys.prefix, "lib", f"python3.{sys.version_info.minor}", "site-packages")
    if folder not in sys.path:
        site.addsitedir(folder)


def bear_witness(folder: str) -> None:
    """Write where this process and its packages came from."""
    packages = {name: module for name, module in sys.modules.items() if "." not in name}
    files = {name: getattr(module, "__file__", None) for name, module in packages.items()}
    said = {"command": sys.orig_argv, "prefix": sys.prefix, "files": files}
    with open(os.path.join(folder, f"{os.getpid()}-{time.time_ns()}.json"), "w") as file:
        json.dump(said, file)


add_packages()
if "CONDASHIM_WITNESS" in os.environ:
    atexit.register(bear_witness, os.environ["CONDASHIM_WITNESS"])
