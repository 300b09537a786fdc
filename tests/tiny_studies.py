"""A study of two feature shards by a tiny encoder, with its clips, tables and index."""

from __future__ import annotations

from pathlib import Path

from hopeworld.features.encoder import EncodeJob, encode_shard
from hopeworld.features.index import INDEX, index, shards
from hopeworld.features.repair import Workshop
from hopeworld.features.sequences import STEPS
from hopeworld.files import write_json
from hopeworld.simulation.table import digest
from hopeworld.video.clips import clip_path, write_clip
from tests.tiny_features import RESOURCES, TINY, clip_frames, encoder_settings, write_table


def write_study(results: Path) -> None:
    """Shards train_A/00000 (clips 0, 1) and train_A/00001 (clips 2, 3), and the index."""
    for number, clips in enumerate(([0, 1], [2, 3])):
        write_shard_of(results, f"{number:05d}", clips)
    write_json(results / INDEX, index(results, shards(results)))


def write_shard_of(results: Path, name: str, clips: list[int], mode: str = "tubelet") -> None:
    """Clips of noise with their table, and their features."""
    table = results / "clips" / "train_A" / f"{name}.h5"
    frames = {clip: clip_frames(clip, still=6) for clip in clips}
    for clip, pixels in frames.items():
        write_clip(clip_path(table.with_suffix(""), clip), pixels, 12)
    write_table(table, clips, TINY.grid**2, [digest(pixels) for pixels in frames.values()])
    output = results / "features" / "train_A" / f"{name}.h5"
    encode_shard(
        EncodeJob(
            table=table,
            clips=table.with_suffix(""),
            output=output,
            resources=RESOURCES,
            settings=encoder_settings(mode=mode),
            architecture=TINY,
            steps=STEPS,
            device="cpu",
            memory_mb=2000,
        )
    )


def workshop(results: Path) -> Workshop:
    """Where shards of the study are made again."""
    return Workshop(results, RESOURCES, architecture=lambda image_px: TINY)
