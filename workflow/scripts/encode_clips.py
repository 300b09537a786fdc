"""Encode one shard of clips with the frozen encoder."""

from pathlib import Path

from hopeworld import jobs, settings
from hopeworld.device import claimed
from hopeworld.features.encoder import EncodeJob, encode_shard
from hopeworld.features.weights import vit_large

with jobs.running(snakemake, claimed) as this:
    given = snakemake.params
    job = EncodeJob(
        table=Path(snakemake.input.table),
        clips=Path(snakemake.input.videos),
        output=this.outputs["features"],
        resources=Path(snakemake.scriptdir).resolve().parents[1] / "resources",
        settings=settings.read(settings.Encoder, given.encoder, "encoder"),
        architecture=vit_large(given.image_px),
        steps=given.steps,
        device=this.device,
        memory_mb=snakemake.resources.mem_mb,
    )
    encode_shard(job)
