"""Run one method, in all orders, on one stream."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.adaptation.job import StreamJob, stream_phases, with_tuned_rate
from hopeworld.adaptation.run import StreamOutputs, run_stream
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset

with runlog.written_to(snakemake.log[0]), claimed(snakemake.config["compute"]) as device:
    given, read, made = snakemake.params, snakemake.input, snakemake.output
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    plan, method = adaptation.streams[given.stream], adaptation.methods[given.method]
    names = [*(f"phase{i}" for i in range(len(plan.clips))), *(f"probe_{d}" for d in given.probes)]
    clips = [ClipDataset.open(read[f"{n}_features"], read[f"{n}_tables"]) for n in names]
    job = StreamJob(
        **{name: given[name] for name in ("stream", "seed", "code")},
        name=given.method,
        method=with_tuned_rate(method, given.tuned_as, read.rates),
        settings=adaptation,
        orders=tuple(given.orders),
        weights=Path(read.weights),
        phases=stream_phases(plan.clips, clips[: len(plan.clips)]),
        probes=dict(zip(given.probes, clips[len(plan.clips) :], strict=True)),
        device=device,
        decoder=Path(read.decoder),
        checkpoint=Path(made.stream).parent / "checkpoint",
    )
    run_stream(job, StreamOutputs(**{name: Path(path) for name, path in made.items()}))
