"""Compare all clips with the sliding law; fail above the limit."""

from hopeworld import runlog, settings
from hopeworld.files import write_json
from hopeworld.simulation.validity import validate

with runlog.written_to(snakemake.log[0]):
    simulation = settings.read(settings.Simulation, snakemake.params.simulation, "simulation")
    write_json(snakemake.output.validity, validate(snakemake.input.tables, simulation))
