"""The command `hopeworld`: what can be asked of results without the workflow."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hopeworld.costs import as_markdown
from hopeworld.evaluation import ablation_text
from hopeworld.export import export
from hopeworld.progress import clear
from hopeworld.settings import Simulation, read
from hopeworld.simulation.table import read_attributes
from hopeworld.simulation.validity import measure, require_valid
from hopeworld.stopping import Stopped, stoppable

RESOURCES = Path(__file__).resolve().parents[3] / "resources"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; return 0, or after one line on standard error 1 or that of a signal."""
    chosen = _parser().parse_args(arguments)
    try:
        with stoppable():
            chosen.run(chosen)
    except (ValueError, OSError, Stopped) as error:
        clear()
        print(f"hopeworld: error: {error}", file=sys.stderr)
        return error.status if isinstance(error, Stopped) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hopeworld", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    validate = commands.add_parser("validate", help="compare simulated clips with the sliding law")
    validate.add_argument("results", type=Path, help="folder of a study, such as results/default")
    validate.set_defaults(run=_validate)
    cost = commands.add_parser("costs", help="time, memory and disk of every stage")
    cost.add_argument("results", type=Path, help="folder of a study, such as results/default")
    cost.set_defaults(run=lambda chosen: print(as_markdown(chosen.results)))
    table = commands.add_parser("table", help="the table of an ablation as Markdown")
    table.add_argument("results", type=Path, help="folder of a study, such as results/ablation")
    table.add_argument("--into", type=Path, metavar="FILE", help="put it between FILE's marks")
    table.set_defaults(run=_table)
    kept = commands.add_parser("export", help="copy verdict, tables and figures to keep them")
    kept.add_argument("results", type=Path, help="folder of a study, such as results/verdict")
    kept.add_argument("folder", type=Path, help="where to, such as docs/results/verdict")
    kept.set_defaults(run=_export)
    made = commands.add_parser("record", help="where a file comes from")
    made.add_argument("file", type=Path, help="any file of a study, also a copy of one")
    made.set_defaults(run=_later("record", "show"))
    _add_manifest(commands.add_parser("manifest", help="what the jobs of a study made"))
    _add_features(commands.add_parser("features", help="the feature shards of a study"))
    _add_clips(commands.add_parser("clips", help="the clips of a study"))
    return parser


def _add_features(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action")
    info = actions.add_parser(
        "info", help="a table of the shards; writes the index if it is missing"
    )
    info.add_argument("--rebuild", action="store_true", help="write the index in any case")
    check = actions.add_parser("verify", help="every checksum, every shard of the index")
    repair = actions.add_parser("repair", help="make broken and missing shards again")
    repair.add_argument(
        "--device", default="cpu", choices=("cpu", "cuda"), help="cpu or one GPU (cpu)"
    )
    repair.add_argument("--resources", type=Path, default=RESOURCES, help="folder of weights.yaml")
    info.set_defaults(run=_later("features", "info"))
    check.set_defaults(run=_later("features", "check"))
    repair.set_defaults(run=_later("repair_features", "run"))
    for action in (info, check, repair):
        action.add_argument("results", type=Path, help="folder of a study")


def _add_manifest(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action")
    check = actions.add_parser("verify", help="read every file; it is as its job left it")
    check.add_argument("results", type=Path, help="folder of a study")
    check.set_defaults(run=_later("manifest", "check"))


def _add_clips(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action")
    check = actions.add_parser("verify", help="read every mp4; its frames are those of its table")
    repair = actions.add_parser("repair", help="make broken and missing clips and tables again")
    check.set_defaults(run=_later("clips", "check"))
    repair.set_defaults(run=_later("clips", "mend"))
    for action in (check, repair):
        action.add_argument("results", type=Path, help="folder of a study")


def _later(module: str, name: str) -> Callable[[argparse.Namespace], None]:
    """A command whose module is imported when it runs: the others do without its packages."""

    def run(chosen: argparse.Namespace) -> None:
        getattr(importlib.import_module(f"hopeworld.commands.{module}"), name)(chosen)

    return run


def _table(chosen: argparse.Namespace) -> None:
    """Print the table, or write it into a document."""
    if chosen.into:
        ablation_text.put_into(chosen.into, chosen.results)
    else:
        print(ablation_text.markdown(chosen.results))


def _export(chosen: argparse.Namespace) -> None:
    """Copy what is kept; the commit is that of the working folder."""
    copies = export(chosen.results, chosen.folder, Path.cwd())
    print(f"{len(copies)} files in {chosen.folder}")


def _validate(chosen: argparse.Namespace) -> None:
    """Print the errors per split and domain; raise ValueError above the limit."""
    tables = sorted((chosen.results / "clips").glob("*/*.h5"))
    if not tables:
        raise ValueError(f"{chosen.results}: no clip tables in clips/; make them with the workflow")
    stored = read_attributes(tables[0])["settings"]["simulation"]
    simulation = read(Simulation, stored, "simulation")
    result = measure(tables, simulation)
    print(_as_text(result))
    require_valid(result)


def _as_text(result: Mapping[str, Any]) -> str:
    """The errors as an aligned text table, in per cent of the resting distance."""
    lines = [f"{'split':14}domain  clips  error at any frame  at rest  error at rest  limit"]
    for group in result["groups"]:
        resting = group["resting_error"]
        at_rest = "-" if resting is None else f"{resting:.4%}"
        lines.append(
            f"{group['split']:14}{group['domain']:6}{group['clips']:7}{group['frame_error']:20.4%}"
            f"{group['clips_at_rest']:9}{at_rest:>15}{result['limit']:7.2%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
