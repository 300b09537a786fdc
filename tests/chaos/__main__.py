"""Kill the smoke study until it is done, and say whether anything differs.

python -m tests.chaos --kills 60 --seed 0 [--reference RUN --clone CLONE]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.comparison import TIMED, Comparison
from tests.chaos.rounds import Log, kill_rounds
from tests.chaos.study import Study
from tests.chaos.victims import Killer, usual_durations_s
from tests.snakemake_runs import checkout


def main() -> int:
    """Run the rounds; 1 if a file differs or a run fails by itself."""
    given = _arguments()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="hopeworld-chaos-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder / "chaos.log")
    log.say(f"{given.kills} kills, seed {given.seed}, in {folder}")
    clone = given.clone.resolve() if given.clone else checkout(folder / "clone")
    reference = _reference(given, clone, folder, log)
    problems = _rounds(given, reference, folder, log)
    for timed in TIMED:
        log.say(f"compared without its times: {timed.pattern} ({timed.reason})")
    for line in problems:
        log.say(f"WRONG: {line}")
    log.say("FAILED" if problems else "PASSED: every final file equals the uninterrupted run's")
    if not (problems or given.folder):
        shutil.rmtree(folder)
    return 1 if problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="SIGKILLs in all")
    parser.add_argument("--seed", type=int, default=0, help="of what is killed, and when")
    parser.add_argument("--reference", type=Path, help="a run that is done, from the same code")
    parser.add_argument("--clone", type=Path, help="the checkout that made the reference")
    parser.add_argument("--folder", help="where to work; kept. Default: a temporary folder")
    parser.add_argument("--targets", nargs="+", default=["all", "tuning"])
    parser.add_argument("--cores", type=int, default=2)
    return parser.parse_args()


def _reference(given: argparse.Namespace, clone: Path, folder: Path, log: Log) -> Study:
    """The uninterrupted run: the given one, or one that is made now."""
    where = given.reference.resolve() if given.reference else folder / "reference"
    where.mkdir(exist_ok=True)
    study = Study(clone, where, tuple(given.targets), given.cores)
    if not given.reference:
        log.say("the uninterrupted run")
        if study.start().wait():
            sys.exit(f"error: the uninterrupted run failed; see {study.output}")
    return study


def _rounds(given: argparse.Namespace, reference: Study, folder: Path, log: Log) -> list[str]:
    """Fresh studies, until there were enough kills; what is wrong with them."""

    def begin(number: int) -> Study:
        """An empty folder; that of the round before, which was right, is gone."""
        shutil.rmtree(folder / f"round{number - 1}", ignore_errors=True)
        where = folder / f"round{number}"
        where.mkdir()
        return Study(reference.clone, where, reference.targets, reference.cores)

    killer = Killer(given.seed, usual_durations_s(reference.results))
    return kill_rounds(given.kills, begin, killer, Comparison(reference.results), log)


if __name__ == "__main__":
    sys.exit(main())
