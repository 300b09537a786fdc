"""Run one method with one rate over the tuning stream."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.adaptation.job import StreamJob, stream_phases
from hopeworld.adaptation.run import StreamOutputs, run_stream
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset

with runlog.written_to(snakemake.log[0]), claimed(snakemake.config["compute"]) as device:
    given, read = snakemake.params, snakemake.input
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    names = ("a1", "b", "a2", "probe")
    *parts, held_out = [ClipDataset.open(read[f"{n}_features"], read[f"{n}_tables"]) for n in names]
    job = StreamJob(
        stream="tuning",
        name=given.method,
        method=settings.with_rate(adaptation.methods[given.method], given.rate),
        settings=adaptation,
        seed=given.seed,
        orders=(0,),
        weights=Path(read.weights),
        phases=stream_phases([len(part) for part in parts], parts),
        probes={"A": held_out},
        device=device,
    )
    run_stream(job, StreamOutputs(**{name: Path(p) for name, p in snakemake.output.items()}))
