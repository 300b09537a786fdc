"""Take apart what one method has learnt on the main stream, in every order."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.adaptation.job import with_tuned_rate
from hopeworld.adaptation.run import state_name
from hopeworld.device import claimed
from hopeworld.features.dataset import ClipDataset
from hopeworld.probing.memory import MemoryJob, analyse
from hopeworld.probing.tables import write_csv

with jobs.running(snakemake, claimed) as this:
    given, read = snakemake.params, snakemake.input
    adaptation = settings.read(settings.Adaptation, given.adaptation, "adaptation")
    method = with_tuned_rate(adaptation.methods[given.method], given.tuned_as, read.rates)
    folder = Path(read.states)
    states = {o: {p: folder / state_name(p, o) for p in given.phases} for o in given.orders}
    probes = {
        domain: ClipDataset.open(
            read[f"{domain.lower()}_features"], read[f"{domain.lower()}_tables"]
        )
        for domain in ("A", "B")
    }
    start = (given.method, method, adaptation, given.seed, Path(read.weights), states)
    found = analyse(MemoryJob(*start, probes, given.confidence, this.device))
    for name, table in vars(found).items():
        print(f"{name}\n{table.to_string(index=False)}")
        write_csv(table, this.outputs[name])
