"""Train one predictor from one seed."""

import sys

from hopeworld import jobs, settings
from hopeworld.device import claimed
from hopeworld.files import read_json
from hopeworld.training.job import ClipFiles, TrainJob, TrainOutputs
from hopeworld.training.loop import train

with jobs.running(snakemake, claimed) as this:
    given, read = snakemake.params, snakemake.input
    parts = {"train": [], "validation": []}
    for split, domain in ((s, d) for s in parts for d in given.training["domains"]):
        parts[split].append((read[f"{split}_{domain}_features"], read[f"{split}_{domain}_tables"]))
    job = TrainJob(
        **{name: given[name] for name in ("model", "seed", "code")},
        **{split: ClipFiles(tuple(files)) for split, files in parts.items()},
        settings=settings.read_model(given.kind, given.settings),
        training=settings.read(settings.Training, given.training, "training"),
        outputs=TrainOutputs(**this.outputs),
        target=read_json(read.matched[0])["skill"] if read.matched else None,
        checkpoint=this.outputs["weights"].parent / "checkpoint",
        device=this.device,
        log=sys.stdout,
    )
    train(job)
