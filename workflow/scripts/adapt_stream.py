"""Run one method, in all orders, on one stream."""

from dataclasses import replace
from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.adaptation.job import StreamJob, stream_phases, with_tuned_rate
from hopeworld.adaptation.run import StreamOutputs, run_stream
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset

with jobs.running(snakemake, claimed) as this:
    given, read, running = snakemake.params, snakemake.input, snakemake.config["adaptation"]
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    plan, method = adaptation.streams[given.stream], adaptation.methods[given.method]
    names = [*(f"phase{i}" for i in range(len(plan.clips))), *(f"probe_{d}" for d in given.probes)]
    clips = [ClipDataset.open(read[f"{n}_features"], read[f"{n}_tables"]) for n in names]
    job = StreamJob(
        **{name: given[name] for name in ("stream", "seed", "code")},
        name=given.method,
        method=with_tuned_rate(method, given.tuned_as, read.rates),
        settings=replace(adaptation, checkpoint_clips=running["checkpoint_clips"]),
        orders=tuple(given.orders),
        weights=Path(read.weights),
        phases=stream_phases(plan.clips, clips[: len(plan.clips)]),
        probes=dict(zip(given.probes, clips[len(plan.clips) :], strict=True)),
        device=this.device,
        decoder=Path(read.decoder),
        checkpoint=this.outputs["stream"].parent / "checkpoint",
    )
    run_stream(job, StreamOutputs(**this.outputs))
