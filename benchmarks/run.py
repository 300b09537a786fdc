"""Run the benchmarks: `make bench`, or `python -m benchmarks.run --help`.

Writes <out>/<device>.json with every repeat and <out>/<device>.md with the table, and prints the
table. A target that is not reached is named in the last line; it is no error.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from benchmarks import machine, table
from benchmarks.contestant import MODES
from benchmarks.contestants import FEWER, groups, modes, of_group
from benchmarks.documents import write_table
from benchmarks.rounds import ROOT, Measured, measure
from benchmarks.worker import Order

OUT = ROOT / "results" / "benchmarks"


def main(arguments: list[str] | None = None) -> None:
    """Measure the groups asked for and write what came out."""
    options = read_options(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("benchmarks: --device cuda: no CUDA device is visible; use --device cpu")
    measured = [m for group in options.only for m in measure_group(group, options)]
    rows = table.rows(sorted(measured, key=lambda m: MODES[options.device].index(m.order.mode)))
    described = machine.describe(ROOT, options.device, options.threads)
    text = table.as_markdown(described, rows)
    options.out.mkdir(parents=True, exist_ok=True)
    content = table.as_json(described, rows)
    (options.out / f"{options.device}.json").write_text(json.dumps(content, indent=1) + "\n")
    (options.out / f"{options.device}.md").write_text(text)
    if options.docs:
        write_table(options.device, text)
    print(text, end="")


def measure_group(group: str, options: argparse.Namespace) -> list[Measured]:
    """All contestants of a group, mode after mode."""
    measured = []
    most_repeats, most_warm_up = FEWER.get(group, (options.repeats, options.warm_up))
    for mode in modes(group, options.device):
        print(f"{group}, {mode} …", file=sys.stderr, flush=True)
        orders = [
            Order(
                group=group,
                name=contestant.name,
                size="small" if options.small else "full",
                device=options.device,
                mode=mode,
                batch=options.batch,
                threads=options.threads,
                warm_up=min(options.warm_up, most_warm_up),
            )
            for contestant in of_group(group)
        ]
        measured += measure(orders, min(options.repeats, most_repeats))
    return measured


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--device", choices=MODES, default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of every process (1)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds (7)")
    parser.add_argument("--warm-up", type=int, default=2, help="repeats before them (2)")
    parser.add_argument("--batch", type=int, default=1, help="clips side by side (1)")
    parser.add_argument(
        "--only", action="append", choices=groups(), help="a group; may be repeated (all)"
    )
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try the harness")
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder ({OUT.relative_to(ROOT)})")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    options.only = options.only or list(groups())
    return options


if __name__ == "__main__":
    main()
