"""Train one predictor from one seed."""

import sys
from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.device import claimed
from hopeworld.files import read_json
from hopeworld.training.job import ClipFiles, TrainJob, TrainOutputs
from hopeworld.training.loop import train

with runlog.written_to(snakemake.log[0]), claimed(snakemake.config["compute"]) as device:
    given, read, made = snakemake.params, snakemake.input, snakemake.output
    parts = {"train": [], "validation": []}
    for split, domain in ((s, d) for s in parts for d in given.training["domains"]):
        parts[split].append((read[f"{split}_{domain}_features"], read[f"{split}_{domain}_tables"]))
    job = TrainJob(
        **{name: given[name] for name in ("model", "seed", "code")},
        **{split: ClipFiles(tuple(files)) for split, files in parts.items()},
        settings=settings.read_model(given.kind, given.settings),
        training=settings.read(settings.Training, given.training, "training"),
        outputs=TrainOutputs(**{name: Path(path) for name, path in made.items()}),
        target=read_json(read.matched[0])["skill"] if read.matched else None,
        checkpoint=Path(made.weights).parent / "checkpoint",
        device=device,
        log=sys.stdout,
    )
    train(job)
