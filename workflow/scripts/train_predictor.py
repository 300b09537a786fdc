"""Train one predictor from one seed."""

import sys
from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.device import claimed
from hopeworld.training.job import ClipFiles, TrainJob, TrainOutputs
from hopeworld.training.loop import train

with runlog.written_to(snakemake.log[0]), claimed(snakemake.config["compute"]) as device:
    given, read = snakemake.params, snakemake.input
    job = TrainJob(
        **{name: given[name] for name in ("model", "seed", "code")},
        settings=settings.read_model(given.kind, given.settings),
        training=settings.read(settings.Training, given.training, "training"),
        train=ClipFiles(read.train_features, read.train_tables),
        validation=ClipFiles(read.validation_features, read.validation_tables),
        outputs=TrainOutputs(**{name: Path(path) for name, path in snakemake.output.items()}),
        checkpoint=Path(snakemake.output.weights).parent / "checkpoint",
        device=device,
        log=sys.stdout,
    )
    train(job)
