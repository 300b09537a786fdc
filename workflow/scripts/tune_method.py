"""Run one method with one rate over the tuning stream."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.adaptation.protocol import StreamJob, run_stream
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset

with runlog.written_to(snakemake.log[0]), claimed(snakemake.config["compute"]) as device:
    given, read, made = snakemake.params, snakemake.input, snakemake.output
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    parts = [ClipDataset.open(read[f"{p}_features"], read[f"{p}_tables"]) for p in given.parts]
    job = StreamJob(
        name=given.method,
        method=settings.with_rate(adaptation.methods[given.method], given.rate),
        settings=adaptation,
        seed=given.seed,
        order=0,
        weights=Path(read.weights),
        phases=tuple(zip(("A1", "B", "A2"), parts, strict=True)),
        probes={},
        device=device,
    )
    run_stream(job).write(made.stream, made.probes, made.memory)
