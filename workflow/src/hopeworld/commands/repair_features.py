"""`hopeworld features repair`: needs the encoder."""

from __future__ import annotations

import argparse

from hopeworld.commands.checking import print_repairs
from hopeworld.device import claimed
from hopeworld.features.repair import Workshop, repair


def run(chosen: argparse.Namespace) -> None:
    """Make broken and missing shards again; raise if one cannot be."""
    with claimed({"device": chosen.device}) as device:
        print_repairs(repair(Workshop(chosen.results, chosen.resources, device)))
