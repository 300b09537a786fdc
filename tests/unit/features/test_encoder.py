"""Encoding: causal by tubelets, in order, the same with and without sharing, complete or not."""

import dataclasses

import numpy as np
import pytest
import torch
from einops import rearrange
from tests.tiny_features import TINY, clip_frames, encode_job, encoder_settings, tiny_encoder

from hopeworld.features.encoder import (
    encode_clips,
    encode_shard,
    normalise,
    read_ahead,
    split,
)
from hopeworld.features.store import DiskFull, FeatureShard
from hopeworld.features.weights import Architecture, vit_large
from hopeworld.settings import SettingsError
from hopeworld.video.clips import ClipError, clip_path, write_clip


def encode(encoder, *clips):
    return np.stack(list(encode_clips(encoder, clips)))


def changed_from(frames, first):
    other = frames.copy()
    other[first:] = 255 - other[first:]
    return other


def test_one_latent_per_pair_of_frames_and_patch():
    for mode in ("tubelet", "clip"):
        latents = encode(tiny_encoder(mode), clip_frames(0), clip_frames(1))
        assert latents.shape == (2, 8, TINY.grid**2, TINY.width)
        assert latents.dtype == np.float16


@pytest.mark.parametrize("first", [2, 8, 14])
def test_the_future_changes_nothing_in_tubelet_mode(first):
    frames = clip_frames(0)
    before, after = (encode(tiny_encoder(), f)[0] for f in (frames, changed_from(frames, first)))
    assert before[: first // 2].tobytes() == after[: first // 2].tobytes()
    assert (before[first // 2 :] != after[first // 2 :]).any(axis=(1, 2)).all()


def test_the_future_leaks_in_clip_mode():
    encoder, frames = tiny_encoder("clip"), clip_frames(0)
    before, after = (encode(encoder, f)[0] for f in (frames, changed_from(frames, 8)))
    assert (before[:4] != after[:4]).any(axis=(1, 2)).all()


def test_neighbours_in_the_batch_change_nothing():
    encoder, frames = tiny_encoder(batch=5), clip_frames(0)
    alone, among = encode(encoder, frames)[0], encode(encoder, clip_frames(1), frames)[1]
    assert alone.tobytes() == among.tobytes()


@pytest.mark.parametrize("mode", ["tubelet", "clip"])
@pytest.mark.parametrize("batch", [1, 3, 16, 100])
def test_clips_come_back_in_order_for_any_batch(mode, batch):
    clips = [clip_frames(seed, still=2 * seed) for seed in range(5)]
    expected = np.concatenate([encode(tiny_encoder(mode, batch=1), clip) for clip in clips])
    found = encode(tiny_encoder(mode, batch), *clips)
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=4e-3)


def test_sharing_equal_pairs_changes_nothing():
    frames = clip_frames(0, still=7)
    frames[10:12] = frames[12:14]
    encoder = tiny_encoder(batch=1)
    pairs = rearrange(frames, "(t two) h w c -> t two h w c", two=2)
    with torch.no_grad():
        every = [encoder.model(normalise(torch.from_numpy(pair[None]))) for pair in pairs]
    expected = torch.cat([output.last_hidden_state for output in every]).half().numpy()
    assert (encode(encoder, frames)[0] == expected).all()


def test_each_distinct_pair_is_encoded_once():
    frames = clip_frames(0, still=7)
    parts, use = split(frames, "tubelet")
    assert use == [0, 0, 0, 1, 2, 3, 4, 5]
    assert [part.tobytes() for part in parts] == [
        frames[2 * t : 2 * t + 2].tobytes() for t in (0, 3, 4, 5, 6, 7)
    ]
    encoder, calls = tiny_encoder(batch=1), []
    encoder.model.register_forward_hook(lambda *_: calls.append(1))
    encode(encoder, frames)
    assert len(calls) == 6


def test_every_forward_pass_has_the_same_size():
    encoder, sizes = tiny_encoder(batch=5), []
    encoder.model.register_forward_hook(lambda _, given, out: sizes.append(len(given[0])))
    encode(encoder, clip_frames(0), clip_frames(1, still=8))
    assert sizes == [5, 5, 5]


@pytest.mark.parametrize("mode", ["tubelet", "clip"])
def test_patches_are_numbered_row_by_row(mode):
    encoder = tiny_encoder(mode, architecture=Architecture(64, 48, 0, 4, 2.0))
    frames = clip_frames(0)
    other = frames.copy()
    other[4, 16:32, 48:64] = 255 - other[4, 16:32, 48:64]
    changed = (encode(encoder, frames)[0] != encode(encoder, other)[0]).any(axis=2)
    assert np.argwhere(changed).tolist() == [[2, 1 * 4 + 3]]


def test_pixels_are_normalised_with_the_imagenet_statistics():
    grey = np.rint(255 * np.array([0.485, 0.456, 0.406])).astype(np.uint8)
    pixels = torch.from_numpy(np.broadcast_to(grey, (1, 2, 4, 4, 3)).copy())
    assert normalise(pixels).shape == (1, 2, 3, 4, 4)
    assert normalise(pixels).abs().max() < 0.01
    white = normalise(torch.full((1, 2, 4, 4, 3), 255, dtype=torch.uint8))[0, 0, :, 0, 0]
    torch.testing.assert_close(white, torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-4, rtol=0)


def test_read_ahead_keeps_the_order_and_the_error():
    def read(number, factor):
        if number == 7:
            raise ValueError("seven")
        return number * factor

    reader = read_ahead(read, range(9), [2] * 9)
    assert [next(reader) for _ in range(7)] == [0, 2, 4, 6, 8, 10, 12]
    with pytest.raises(ValueError, match="seven"):
        next(reader)


@pytest.mark.parametrize("mode", ["tubelet", "clip"])
def test_shard_holds_the_latents_of_its_clips(tmp_path, mode):
    job = encode_job(tmp_path, [11, 4, 8], encoder_settings(mode=mode))
    encode_shard(job)
    shard = FeatureShard(job.output)
    assert shard.clip.tolist() == [11, 4, 8]
    assert (shard.header.mode, shard.header.dtype) == (mode, "float32")
    assert "random" in shard.header.weights
    frames = [clip_frames(clip, still=6) for clip in (11, 4, 8)]
    assert (shard.gather([0, 1, 2]) == encode(tiny_encoder(mode), *frames)).all()


def test_finished_shard_is_left_alone_and_a_foreign_one_replaced(tmp_path):
    job = encode_job(tmp_path, [0, 1], encoder_settings())
    encode_shard(job)
    before = job.output.stat().st_mtime_ns
    encode_shard(dataclasses.replace(job, settings=encoder_settings(batch=2)))
    assert job.output.stat().st_mtime_ns == before
    encode_shard(dataclasses.replace(job, settings=encoder_settings(seed=1)))
    assert "seed 1" in FeatureShard(job.output).header.weights


def test_progress_is_printed(tmp_path, capsys):
    encode_shard(encode_job(tmp_path, [0, 1], encoder_settings()))
    out = capsys.readouterr().out
    assert "2 clips need" in out
    assert "2/2 clips" in out
    assert "clips/s" in out


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
    settings = dataclasses.replace(encoder_settings(), dtype="bfloat16", batch=8)
    job = encode_job(tmp_path, [0], settings, vit_large(128))
    encode_shard(job)
    latents = FeatureShard(job.output).gather([0]).astype(np.float32)
    assert latents.shape == (1, 8, 64, 1024)
    assert np.isfinite(latents).all()
    np.testing.assert_allclose(latents.mean(axis=3), 0, atol=0.01)
    np.testing.assert_allclose(latents.std(axis=3), 1, atol=0.05)
