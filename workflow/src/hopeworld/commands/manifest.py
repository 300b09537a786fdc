"""`hopeworld manifest verify`: whether the files of a study are those that its jobs made."""

from __future__ import annotations

import argparse

from hopeworld.commands.checking import print_problems
from hopeworld.manifest import read, strangers, verify


def check(chosen: argparse.Namespace) -> None:
    """Read every file of the manifest anew and print what differs; raise where one does."""
    files = read(chosen.results)
    for name in strangers(chosen.results, files):
        print(f"{chosen.results / name}: not in the manifest: of another target or other settings")
    print_problems(verify(chosen.results, files), len(files), "snakemake --force RECORD", "files")
