"""Run one method, in all orders, on one stream."""

from pathlib import Path

from hopeworld import runlog, settings
from hopeworld.adaptation.job import StreamJob, stream_phases, with_tuned_rate
from hopeworld.adaptation.run import StreamOutputs, run_stream
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset

with runlog.written_to(snakemake.log[0]), claimed(snakemake.config["compute"]) as device:
    given, read = snakemake.params, snakemake.input
    plain = {name: given[name] for name in ("stream", "seed", "code")}
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    plan = adaptation.streams[given.stream]

    def clips(part):
        """The clips of a phase or a probe."""
        return ClipDataset.open(read[f"{part}_features"], read[f"{part}_tables"])

    job = StreamJob(
        **plain,
        name=given.method,
        method=with_tuned_rate(adaptation.methods[given.method], given.tuned_as, read.rates),
        settings=adaptation,
        orders=tuple(given.orders),
        weights=Path(read.weights),
        phases=stream_phases(plan.clips, [clips(f"phase{i}") for i in range(len(plan.clips))]),
        probes={domain: clips(f"probe_{domain}") for domain in given.probes},
        device=device,
        decoder=Path(read.decoder),
        checkpoint=Path(snakemake.output.stream).parent / "checkpoint",
    )
    run_stream(job, StreamOutputs(**{name: Path(p) for name, p in snakemake.output.items()}))
