"""Write a control that is a formula, as a contestant."""

from hopeworld import jobs, settings
from hopeworld.adaptation.contestants import save_closed_form
from hopeworld.features.dataset import ClipDataset
from hopeworld.models.closed_form import fit_closed_form

with jobs.running(snakemake) as this:
    clips = ClipDataset.open(snakemake.input.features, snakemake.input.tables)
    formula = fit_closed_form(settings.ClosedForm(snakemake.params.formula), clips)
    save_closed_form(this.outputs["weights"], formula, clips.origin)
