"""`python -m tests.reproduce`: run the smoke study afresh and compare it with the committed one."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.reproduce.comparison import FOLDER, compare, update
from tests.snakemake_runs import checkout

SHOWN = 20


def main() -> int:
    """Compare, or with --update take over; 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.reproduce", description=__doc__)
    parser.add_argument("--results", type=Path, help="a finished results/smoke, instead of a run")
    parser.add_argument("--update", action="store_true", help="commit what comes out from now on")
    parser.add_argument("--cores", default="2", help="for the run (2)")
    chosen = parser.parse_args()
    if chosen.results:
        return judge(chosen.results, chosen.update)
    with tempfile.TemporaryDirectory(prefix="hopeworld-reproduce-") as folder:
        return judge(run(Path(folder), chosen.cores), chosen.update)


def run(folder: Path, cores: str) -> Path:
    """Run the smoke study from a checkout in a folder; return its results."""
    clone, work = checkout(folder / "clone"), folder / "run"
    command = [sys.executable, "-m", "snakemake", "all", "tuning", "--cores", cores]
    overlay = str(clone / "config" / "smoke.yaml")
    command += ["--configfile", overlay, "--directory", str(work)]
    subprocess.run(command, cwd=clone, check=True)
    return work / "results" / "smoke"


def judge(results: Path, is_update: bool) -> int:
    """Say what was compared and what differs."""
    if is_update:
        update(results)
        print(f"reproduce: wrote {FOLDER.name}/ from {results}; commit it")
        return 0
    found = compare(results)
    print(f"reproduce: compared {found.how}")
    for line in found.differences[:SHOWN]:
        print(f"reproduce: {line}")
    if found.differences:
        count, remedy = len(found.differences), "python -m tests.reproduce --update"
        print(f"reproduce: {count} differences; if they are meant, run `{remedy}`")
        return 1
    print("reproduce: nothing differs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
