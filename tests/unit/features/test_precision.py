"""Two-byte arithmetic stays within its tolerance of float32."""

import io

import numpy as np
import pytest
from tests.tiny_clips import shard_job
from tests.tiny_features import RESOURCES

from hopeworld.features.passes import FrozenEncoder, encode_clips
from hopeworld.features.precision import TOLERANCE, Deviation, deviation
from hopeworld.features.weights import load_encoder, vit_large
from hopeworld.settings import Encoder
from hopeworld.simulation.shards import simulate_shard
from hopeworld.video.clips import clip_path, read_clip

MIDDLE = slice(16, 48)


def test_deviation_is_mean_cosine_and_relative_length():
    reference = np.array([[3.0, 0.0], [0.0, 4.0]])
    assert deviation(reference, reference) == Deviation(1.0, 0.0)
    found = deviation(np.array([[3.0, 0.0], [4.0, 0.0]]), reference)
    assert found.cosine == pytest.approx(0.5)
    assert found.relative_error == pytest.approx(np.sqrt(32) / 5)


def test_tolerance_bounds_both():
    bound = Deviation(cosine=0.99, relative_error=0.1)
    assert Deviation(0.995, 0.05).is_within(bound)
    assert not Deviation(0.98, 0.05).is_within(bound)
    assert not Deviation(0.995, 0.2).is_within(bound)


def encode(clips, dtype):
    """The latents of the ViT-L of pairs of frames of 32 px: float16 [N, 4, 4, 1024]."""
    settings = Encoder(weights="random", seed=0, mode="tubelet", dtype=dtype, batch=4)
    model, _ = load_encoder(settings, vit_large(32), RESOURCES)
    return np.stack(list(encode_clips(FrozenEncoder(model, "tubelet", 4, steps=4), clips)))


@pytest.mark.slow
def test_the_vit_l_is_within_tolerance_in_every_type(tmp_path):
    job = shard_job(tmp_path, "train", "B", range(2))
    simulate_shard(job, io.StringIO())
    clips = [read_clip(clip_path(job.folder, clip))[:, MIDDLE, MIDDLE] for clip in job.clips]
    reference = encode(clips, "float32")
    for dtype in ("bfloat16", "float16"):
        found = deviation(encode(clips, dtype), reference)
        print(f"{dtype}: {found}")
        assert found.is_within(TOLERANCE[dtype])
        assert not found.is_within(TOLERANCE["float32"])
