"""Training from feature shards and clip tables on disk."""

import dataclasses

import numpy as np
import pytest
from tests.tiny_features import HEADER, write_table
from tests.tiny_training import tiny_job, tiny_training

from hopeworld.features.store import write_shard
from hopeworld.trained import load_predictor
from hopeworld.training.job import ClipFiles
from hopeworld.training.loop import train

SHAPE = (8, 16, 6)


def split(folder, first, count):
    """Write shards of four clips each; return their paths."""
    draw = np.random.default_rng(first)
    features, tables = [], []
    for start in range(first, first + count, 4):
        clips = np.arange(start, start + 4)
        features.append(str(folder / f"features_{start}.h5"))
        tables.append(str(folder / f"table_{start}.h5"))
        latents = (draw.normal(size=SHAPE).astype(np.float16) for _ in clips)
        write_shard(features[-1], HEADER, clips, latents)
        write_table(tables[-1], clips)
    return ClipFiles(((features, tables),))


@pytest.fixture
def job(tmp_path):
    given = split(tmp_path, 0, 16), split(tmp_path, 100, 8)
    made = tiny_job(tmp_path / "run", "hope", tiny_training(steps=4))
    return dataclasses.replace(made, train=given[0], validation=given[1])


def test_a_job_from_files_gives_weights_that_know_their_encoder(job):
    train(job)
    predictor, metadata = load_predictor(job.outputs.weights)
    assert predictor.grid == metadata.grid == (4, 4)
    assert metadata.feature_width == 6
    assert metadata.origin == {"weights": HEADER.weights, "mode": "tubelet", "dtype": "float32"}


def test_shards_in_another_order_are_the_same_run(job):
    train(job)
    ((features, tables),) = job.train.domains
    again = ClipFiles(((features[::-1], tables),))
    train(dataclasses.replace(job, train=again))
    assert "resuming at step 4" in job.log.getvalue()


def test_a_missing_shard_of_an_episode_is_refused(job):
    ((features, tables),) = job.train.domains
    cut = ClipFiles(((features[1:], tables),))
    with pytest.raises(ValueError, match="not encoded"):
        train(dataclasses.replace(job, train=cut))


def test_an_oracle_trains_on_the_clips_of_two_domains(job, tmp_path):
    other = split(tmp_path, 200, 8)
    train(dataclasses.replace(job, train=ClipFiles((*job.train.domains, *other.domains))))
    assert load_predictor(job.outputs.weights)[1].step > 0
