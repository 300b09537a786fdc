"""Fit the decoder of the object's centre on train clips of A; report how far to trust it."""

import json

from hopeworld import jobs
from hopeworld.features.dataset import ClipDataset
from hopeworld.files import write_json
from hopeworld.probing.decoder import fit_clips, report, save_decoder

with jobs.running(snakemake) as this:
    read = snakemake.input
    train, validation, probe = (
        ClipDataset.open(read[f"{part}_features"], read[f"{part}_tables"])
        for part in ("train", "validation", "probe")
    )
    fitted = fit_clips(train)
    said = report(fitted, train, {"validation_A": validation, "probe_B": probe})
    print(json.dumps(said, indent=2))
    save_decoder(this.outputs["decoder"], fitted)
    write_json(this.outputs["accuracy"], said)
