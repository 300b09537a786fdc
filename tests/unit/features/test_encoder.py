"""Shards of features: whole or not there, of one mode, made of the clips of the table."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from tests.tiny_features import (
    TINY,
    clip_frames,
    encode_job,
    encoder_settings,
    tiny_encoder,
)

from hopeworld.features.dataset import ClipDataset, DatasetError
from hopeworld.features.encoder import encode_shard
from hopeworld.features.passes import encode_clips
from hopeworld.features.store import DiskFull, FeatureShard
from hopeworld.features.weights import vit_large
from hopeworld.settings import SettingsError
from hopeworld.video.clips import ClipError, clip_path, write_clip

MODES = ("tubelet", "prefix", "clip")


def with_mode(job, mode):
    return dataclasses.replace(job, settings=dataclasses.replace(job.settings, mode=mode))


@pytest.mark.parametrize("steps", [8, 3])
@pytest.mark.parametrize("mode", MODES)
def test_shard_holds_the_latents_of_its_clips(tmp_path, mode, steps):
    job = encode_job(tmp_path, [11, 4, 8], encoder_settings(mode=mode), steps=steps)
    encode_shard(job)
    shard = FeatureShard(job.output)
    assert shard.clip.tolist() == [11, 4, 8]
    assert (shard.header.mode, shard.header.dtype) == (mode, "float32")
    assert "random" in shard.header.weights
    frames = [clip_frames(clip, still=6) for clip in (11, 4, 8)]
    expected = np.stack(list(encode_clips(tiny_encoder(mode, steps=steps), frames)))
    assert expected.shape == (3, steps, TINY.grid**2, TINY.width)
    assert (shard.gather([0, 1, 2]) == expected).all()


def test_shard_says_how_to_make_it_again(tmp_path):
    job = encode_job(tmp_path, [0], encoder_settings(mode="prefix"), steps=2)
    encode_shard(job)
    said = json.loads(FeatureShard(job.output).header.settings)
    assert said == dataclasses.asdict(job.settings) | {"image_px": 64, "steps": 2}


@pytest.mark.parametrize(("mode", "other"), [("tubelet", "clip"), ("clip", "prefix")])
def test_shard_of_another_mode_is_made_again(tmp_path, mode, other):
    job = encode_job(tmp_path, [0, 1], encoder_settings(mode=mode))
    encode_shard(job)
    before = FeatureShard(job.output)
    latents = before.gather([0, 1])
    encode_shard(with_mode(job, other))
    after = FeatureShard(job.output)
    assert (before.header.mode, after.header.mode) == (mode, other)
    assert before.header.config != after.header.config
    assert (after.gather([0, 1]) != latents).any()


def test_shard_with_fewer_steps_is_made_again(tmp_path):
    job = encode_job(tmp_path, [0, 1], encoder_settings())
    encode_shard(dataclasses.replace(job, steps=3))
    few = FeatureShard(job.output)
    encode_shard(job)
    assert (few.shape[0], FeatureShard(job.output).shape[0]) == (3, 8)


def test_modes_are_not_mixed_in_a_dataset(tmp_path):
    jobs = [encode_job(tmp_path / name, [n], encoder_settings()) for n, name in enumerate("ab")]
    encode_shard(jobs[0])
    encode_shard(with_mode(jobs[1], "clip"))
    with pytest.raises(DatasetError, match="clip"):
        ClipDataset.open([job.output for job in jobs], [job.table for job in jobs])


def test_finished_shard_is_left_alone_and_a_foreign_one_replaced(tmp_path):
    job = encode_job(tmp_path, [0, 1], encoder_settings())
    encode_shard(job)
    before = job.output.stat().st_mtime_ns
    encode_shard(dataclasses.replace(job, settings=encoder_settings(batch=2)))
    assert job.output.stat().st_mtime_ns == before
    encode_shard(dataclasses.replace(job, settings=encoder_settings(seed=1)))
    assert "seed 1" in FeatureShard(job.output).header.weights


@pytest.mark.parametrize("batch", [0, 4])
def test_progress_and_rates_are_printed(tmp_path, capsys, batch):
    encode_shard(encode_job(tmp_path, [0, 1], encoder_settings(batch=batch)))
    out, err = capsys.readouterr()
    assert "2 clips need" in out
    assert "2/2 clips" in err
    assert re.search(r"2 clips in [\d.]+ s: [\d.]+ clips/s, \S+ TFLOP/s, \S+ % of", out)
    assert ("sequences of 16 tokens in a pass" in out) == (batch == 0)


def test_clip_that_is_not_the_one_of_the_table_is_refused(tmp_path):
    job = encode_job(tmp_path, [0, 1], encoder_settings())
    write_clip(clip_path(job.clips, 1), clip_frames(2), 12)
    with pytest.raises(ClipError, match=r"000001\.mp4: pixels differ"):
        encode_shard(job)
    assert not job.output.exists()
    assert not list(job.output.parent.iterdir())


@pytest.mark.parametrize(
    ("frames", "problem"),
    [(clip_frames(1, image_px=32), "has shape"), (clip_frames(1)[:14], "has 14 frames")],
)
def test_clip_of_the_wrong_size_is_refused(tmp_path, frames, problem):
    job = encode_job(tmp_path, [0, 1], encoder_settings())
    write_clip(clip_path(job.clips, 1), frames, 12)
    with pytest.raises(ClipError, match=rf"000001\.mp4: {problem}"):
        encode_shard(job)
    assert not job.output.exists()


def test_missing_clip_is_refused(tmp_path):
    job = encode_job(tmp_path, [0, 1], encoder_settings())
    clip_path(job.clips, 0).unlink()
    with pytest.raises(ClipError, match=r"000000\.mp4: no such clip"):
        encode_shard(job)


def test_full_disk_is_refused_before_anything_is_loaded(tmp_path):
    job = encode_job(tmp_path, [0], encoder_settings(weights="no such weights"))
    huge = dataclasses.replace(vit_large(64), width=10**15)
    with pytest.raises(DiskFull):
        encode_shard(dataclasses.replace(job, architecture=huge))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_is_refused(tmp_path):
    job = encode_job(tmp_path, [0], encoder_settings())
    with pytest.raises(SettingsError, match=r"compute\.device = 'cuda'"):
        encode_shard(dataclasses.replace(job, device="cuda"))


@pytest.mark.slow
def test_vit_large_encodes_a_clip(tmp_path):
    job = encode_job(tmp_path, [0], encoder_settings(batch=8), vit_large(128))
    encode_shard(job)
    latents = FeatureShard(job.output).gather([0]).astype(np.float32)
    assert latents.shape == (1, 8, 64, 1024)
    assert np.isfinite(latents).all()
    np.testing.assert_allclose(latents.mean(axis=3), 0, atol=0.01)
    np.testing.assert_allclose(latents.std(axis=3), 1, atol=0.05)
