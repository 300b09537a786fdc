"""What a job costs on SLURM beyond its work, beside the same jobs on this machine.

    python -m tests.workflow.slurm.overhead

Eight shards of clips are drawn each way, two at a time. The work of a job is what its benchmark
says; the rest is starts of Snakemake, SLURM, and waiting to be noticed.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tests.snakemake_runs import checkout, snakemake
from tests.workflow.slurm.cluster import Cluster, running
from tests.workflow.slurm.study import Study, change_site

PARTS = ("train_A", "validation_A", "probe_A", "probe_B")
PARTS += ("stream_1_A", "stream_2_A", "stream_2_B", "stream_3_A")
SHARDS = [f"results/smoke/clips/{part}/00000.h5" for part in PARTS]


def main() -> None:
    """Run the jobs both ways and print a line for each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clone = checkout(folder / "clone")
        change_site(clone / "profiles" / "slurm" / "config.yaml")
        with running(folder / "cluster", cpus=2) as cluster:
            here = Study(cluster, clone, folder / "here")
            started = time.monotonic()
            done = snakemake(clone, *SHARDS, "--cores", "2", *here.arguments)
            _say("this machine", here, done.returncode, time.monotonic() - started)
            there = Study(cluster, clone, folder / "there")
            there.folder.mkdir()
            started = time.monotonic()
            with there.running_snakemake(*SHARDS, "--slurm-array-jobs", "") as run:
                status = run.wait()
            _say("SLURM", there, status, time.monotonic() - started)
            held = pd.Series(list(_allocated_s(cluster)))
            print(f"SLURM: {held.median():.1f} s of an allocation per job")


def _say(where: str, study: Study, status: int, seconds: float) -> None:
    if status:
        sys.exit(f"error: {where}: Snakemake ended with {status}")
    work = _work_s(study.results)
    print(
        f"{where}: {len(SHARDS)} jobs in {seconds:.1f} s, {work:.1f} s of work per job", flush=True
    )


def _work_s(results: Path) -> float:
    tables = (results / "benchmarks" / "simulate_clips").glob("*.tsv")
    return float(pd.concat(pd.read_csv(path, sep="\t") for path in tables)["s"].median())


def _allocated_s(cluster: Cluster) -> Iterator[int]:
    """Seconds from the start of every job of a rule to its end."""
    for job in cluster.run("scontrol", "show", "job", "--oneliner").splitlines():
        if "Comment=rule_" in job:
            minutes, seconds = re.search(r"RunTime=00:(\d+):(\d+)", job).groups()
            yield 60 * int(minutes) + int(seconds)


if __name__ == "__main__":
    main()
