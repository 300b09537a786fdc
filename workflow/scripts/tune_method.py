"""Run one method with one rate over the tuning stream."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.adaptation.job import StreamJob, stream_phases
from hopeworld.adaptation.run import StreamOutputs, run_stream
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset

with jobs.running(snakemake, claimed) as this:
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
        device=this.device,
    )
    run_stream(job, StreamOutputs(**this.outputs))
