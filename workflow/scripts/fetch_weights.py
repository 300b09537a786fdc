"""Fetch published encoder weights once and verify them."""

from pathlib import Path

from hopeworld import runlog
from hopeworld.features.manifest import fetch_weights

with runlog.written_to(snakemake.log[0]):
    resources = Path(snakemake.scriptdir).resolve().parents[1] / "resources"
    fetch_weights(snakemake.params.weights, resources)
