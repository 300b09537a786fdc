"""Modes: what a latent knows; passes: in order, the same with and without sharing or neighbours."""

import numpy as np
import pytest
import torch
from einops import rearrange
from tests.tiny_features import TINY, clip_frames, tiny_encoder

from hopeworld.features.passes import encode_clips, normalise
from hopeworld.features.sequences import longest, split
from hopeworld.features.weights import Architecture

MODES = ("tubelet", "prefix", "clip")


def encode(encoder, *clips):
    return np.stack(list(encode_clips(encoder, clips)))


def changed_from(frames, first):
    other = frames.copy()
    other[first:] = 255 - other[first:]
    return other


def test_one_latent_per_pair_of_frames_and_patch():
    for mode in MODES:
        latents = encode(tiny_encoder(mode), clip_frames(0), clip_frames(1))
        assert latents.shape == (2, 8, TINY.grid**2, TINY.width)
        assert latents.dtype == np.float16


@pytest.mark.parametrize("mode", ["tubelet", "prefix"])
@pytest.mark.parametrize("first", [2, 8, 14])
def test_the_future_changes_not_a_bit_in_causal_modes(mode, first):
    encoder, frames = tiny_encoder(mode), clip_frames(0)
    before, after = (encode(encoder, f)[0] for f in (frames, changed_from(frames, first)))
    assert before[: first // 2].tobytes() == after[: first // 2].tobytes()
    assert (before[first // 2 :] != after[first // 2 :]).any(axis=(1, 2)).all()


def test_the_future_leaks_in_clip_mode():
    encoder, frames = tiny_encoder("clip"), clip_frames(0)
    before, after = (encode(encoder, f)[0] for f in (frames, changed_from(frames, 8)))
    assert (before[:4] != after[:4]).any(axis=(1, 2)).all()


@pytest.mark.parametrize(("mode", "knows"), [("tubelet", False), ("prefix", True)])
def test_only_a_prefix_knows_the_past(mode, knows):
    encoder, frames = tiny_encoder(mode), clip_frames(0)
    other = np.concatenate([255 - frames[:2], frames[2:]])
    before, after = (encode(encoder, f)[0, 1:] for f in (frames, other))
    assert ((before != after).any(axis=(1, 2)) == knows).all()


def test_a_prefix_is_the_last_step_of_the_clip_that_ends_there():
    frames = clip_frames(0)
    found = encode(tiny_encoder("prefix", batch=1), frames)[0]
    model = tiny_encoder().model
    for t in range(8):
        pixels = normalise(torch.from_numpy(frames[None, : 2 * t + 2]))
        with torch.no_grad():
            tokens = model(pixels).last_hidden_state[0]
        assert (found[t] == tokens[-(TINY.grid**2) :].half().numpy()).all()


def test_the_whole_prefix_is_the_clip_and_the_first_is_its_tubelet():
    frames = clip_frames(0)
    tubelet, prefix, clip = (encode(tiny_encoder(mode), frames)[0] for mode in MODES)
    assert (prefix[7] == clip[7]).all()
    assert (prefix[0] == tubelet[0]).all()
    for t in range(7):
        assert (prefix[t] != clip[t]).mean() > 0.3


@pytest.mark.parametrize("mode", MODES)
def test_fewer_steps_are_the_first_ones(mode):
    frames = clip_frames(0)
    few, every = (encode(tiny_encoder(mode, steps=steps), frames)[0] for steps in (3, 8))
    assert few.tobytes() == every[:3].tobytes()


@pytest.mark.parametrize(
    ("mode", "lengths"), [("tubelet", [2, 2, 2]), ("prefix", [2, 4, 6]), ("clip", [16])]
)
def test_causal_modes_encode_no_more_steps_than_are_kept(mode, lengths):
    encoder, found = tiny_encoder(mode, batch=1, steps=3), []
    encoder.model.register_forward_hook(lambda _, given, out: found.append(given[0].shape[1]))
    encode(encoder, clip_frames(0))
    assert found == lengths
    assert max(found) == longest(mode, 3)


def test_prefixes_of_one_length_share_a_pass():
    encoder, shapes = tiny_encoder("prefix", batch=2, steps=3), []
    encoder.model.register_forward_hook(lambda _, given, out: shapes.append(given[0].shape[:2]))
    encode(encoder, *(clip_frames(seed) for seed in range(3)))
    assert shapes == [(2, 2), (2, 4), (2, 6)] * 2


@pytest.mark.parametrize("mode", MODES)
def test_neighbours_in_the_batch_change_nothing(mode):
    encoder, frames = tiny_encoder(mode, batch=5), clip_frames(0)
    alone, among = encode(encoder, frames)[0], encode(encoder, clip_frames(1), frames)[1]
    assert alone.tobytes() == among.tobytes()


@pytest.mark.parametrize("mode", MODES)
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
    parts = split(frames, "tubelet", 8)
    assert [parts.index(part) for part in parts] == [0, 0, 0, 3, 4, 5, 6, 7]
    for t, part in enumerate(parts):
        assert (part.frames == frames[2 * t : 2 * t + 2]).all()
    encoder, calls = tiny_encoder(batch=1), []
    encoder.model.register_forward_hook(lambda *_: calls.append(1))
    encode(encoder, frames)
    assert len(calls) == 6


def test_every_forward_pass_has_the_same_size():
    encoder, sizes = tiny_encoder(batch=5), []
    encoder.model.register_forward_hook(lambda _, given, out: sizes.append(len(given[0])))
    encode(encoder, clip_frames(0), clip_frames(1, still=8))
    assert sizes == [5, 5, 5]


@pytest.mark.parametrize("mode", MODES)
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
