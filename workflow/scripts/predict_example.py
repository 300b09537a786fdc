"""Predict one held-out clip of B with what a method had learnt by the end of phase B."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.adaptation.job import with_tuned_rate
from hopeworld.adaptation.run import state_name
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset
from hopeworld.probing.examples import ExampleJob, predict_example, save_example

with jobs.running(snakemake, claimed) as this:
    given, read = snakemake.params, snakemake.input
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    method = with_tuned_rate(adaptation.methods[given.method], given.tuned_as, read.rates)
    job = ExampleJob(
        name=given.method,
        method=method,
        twin=adaptation.methods[method.twin],
        settings=adaptation,
        seed=given.seed,
        order=given.order,
        weights=Path(read.weights),
        state=Path(read.states) / state_name("B", given.order),
        data=ClipDataset.open(read.features, read.tables),
        device=this.device,
    )
    save_example(this.outputs["example"], predict_example(job), job)
