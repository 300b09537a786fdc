"""Why a job failed, in one line, from the log that it left. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ERROR = "error: "
NO_LOG = "it ended before it began; Snakemake says why above"
NO_WORD = (
    "it ended without a word: killed from outside, or for want of memory (dmesg or sacct tell); "
    "raise its mem_mb or run fewer jobs at once, then run the same command again"
)


def cause(log: Path) -> str:
    """The last word of a failed job, or what its silence means.

    A log ends with a line `error: ...`, see `runlog`, unless the job was killed.
    """
    if not log.exists():
        return NO_LOG
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if lines and lines[-1].startswith(ERROR):
        return lines[-1].removeprefix(ERROR)
    return NO_WORD


def block(failed: Iterable[tuple[str, Path]]) -> str:
    """What the terminal shows last of a run that failed: every job with its cause and its log."""
    jobs = sorted(failed)
    lines = [f"{len(jobs)} job{'s' if len(jobs) != 1 else ''} failed:"]
    for name, log in jobs:
        lines += [f"  {name}: {cause(log)}", f"    log: {log}"]
    return "\n".join(lines)
