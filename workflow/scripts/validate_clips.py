"""Compare all clips with the sliding law; fail above the limit."""

from hopeworld import jobs, settings
from hopeworld.files import write_json
from hopeworld.simulation.validity import validate

with jobs.running(snakemake) as this:
    simulation = settings.read(settings.Simulation, snakemake.params.simulation, "simulation")
    write_json(this.outputs["validity"], validate(snakemake.input.tables, simulation))
