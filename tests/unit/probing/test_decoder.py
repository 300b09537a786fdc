"""The probe finds a planted map, chooses its ridge by whole episodes, and says its errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hopeworld.probing import decoder
from hopeworld.probing.decoder import Decoder, DecoderError

PATCHES, WIDTH = 6, 5


class PlantedClips:
    """Latents that are noise, with a centre that is linear in what LayerNorm leaves of them."""

    def __init__(self, count: int, seed: int, offset: float = 0.3):
        draw = np.random.default_rng(seed)
        self._latents = draw.normal(size=(count, 8, PATCHES, WIDTH)).astype(np.float32)
        self.episode = np.arange(count) // 2
        planted = np.random.default_rng(99).normal(size=(PATCHES * WIDTH, 2))
        latents = decoder._standardised(self, np.arange(count))
        self.centre = (latents.reshape(count, 8, -1) @ planted + offset).astype(np.float32)

    def __len__(self) -> int:
        return len(self._latents)

    def latents(self, clips: np.ndarray) -> np.ndarray:
        return self._latents[clips]


@pytest.fixture(scope="module")
def planted() -> decoder.Fit:
    return decoder.fit_clips(PlantedClips(40, 0))


def test_a_planted_linear_map_is_found(planted):
    train, other = PlantedClips(40, 0), PlantedClips(10, 1)
    score = decoder.accuracy(planted.decoder, other, train.centre)
    assert score.r2 > 0.9999
    assert score.error_m < 1e-2
    assert score.latents == 80
    assert planted.held_out_error_m < 1e-2
    assert planted.ridge == min(decoder.RIDGES)


def test_pure_noise_is_not_decoded_and_takes_a_large_ridge():
    draw = np.random.default_rng(0)
    latents = draw.normal(size=(60, 8, 8)).astype(np.float32)
    fitted = decoder.fit(latents, draw.normal(size=(60, 2)), np.arange(60) // 4)
    assert fitted.ridge >= 1.0
    assert float(fitted.decoder.weight.norm()) < 0.5


def test_the_held_out_error_is_that_of_refitting_without_the_episode(monkeypatch):
    monkeypatch.setattr(decoder, "RIDGES", (0.1,))
    draw = np.random.default_rng(0)
    latents, centres = draw.normal(size=(12, 2, 3)).astype(np.float32), draw.normal(size=(12, 2))
    groups = np.arange(12) // 3
    rows = latents.reshape(12, -1).astype(np.float64)
    centred = rows - rows.mean(0)
    ridge = 0.1 * np.trace(centred @ centred.T) / 12
    errors = []
    for group in range(4):
        kept = groups != group
        mean, target = rows[kept].mean(0), centres[kept].mean(0)
        x, y = rows[kept] - mean, centres[kept] - target
        weight = np.linalg.solve(x.T @ x + ridge * np.eye(6), x.T @ y)
        errors.append(centres[~kept] - (rows[~kept] - mean) @ weight - target)
    wanted = np.linalg.norm(np.concatenate(errors), axis=1).mean()
    assert decoder.fit(latents, centres, groups).held_out_error_m == pytest.approx(wanted, rel=1e-5)


def test_a_limit_draws_the_same_latents_every_time():
    clips = PlantedClips(40, 0)
    one, other = (decoder.fit_clips(clips, limit=100) for _ in range(2))
    assert one.latents == 100
    assert torch.equal(one.decoder.weight, other.decoder.weight)


def test_latents_are_read_at_their_place(monkeypatch):
    monkeypatch.setattr(decoder, "CLIPS", 3)
    clips = PlantedClips(10, 0)
    clip, step = np.array([0, 2, 2, 5, 9]), np.array([7, 0, 3, 1, 4])
    whole = decoder._standardised(clips, np.arange(10))
    assert np.array_equal(decoder.read_latents(clips, clip, step), whole[clip, step])


def test_decoding_keeps_the_axes_before_the_patches(planted):
    latents = torch.randn(2, 7, PATCHES, WIDTH)
    decoded = planted.decoder(latents)
    assert decoded.shape == (2, 7, 2)
    torch.testing.assert_close(planted.decoder(latents[1, 3]), decoded[1, 3])


def test_extrapolation_is_counted():
    inside, outside = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.5, 0.5], [0.5, 2.0]])
    score = decoder.compare(outside, outside, inside)
    assert (score.beyond_share, score.error_m) == (0.5, 0.0)
    far = decoder.compare(outside + np.array([[0.0, 0.0], [3.0, 4.0]]), outside, inside)
    assert (far.error_m, far.error_within_m) == (2.5, 0.0)
    assert np.isnan(decoder.compare(inside, inside + 5, inside).error_within_m)
    assert (score.r2, score.r2_y) == (1.0, 1.0)


def test_a_file_gives_the_decoder_back(tmp_path, planted):
    path = tmp_path / "decoder.safetensors"
    decoder.save_decoder(path, planted)
    loaded = decoder.load_decoder(path)
    assert torch.equal(loaded.weight, planted.decoder.weight)
    assert torch.equal(loaded.offset, planted.decoder.offset)
    assert loaded.weight.dtype == torch.float32


def test_the_report_names_every_split(planted):
    train, other = PlantedClips(40, 0), PlantedClips(4, 1)
    said = decoder.report(planted, train, {"validation_A": other})
    assert said["train_A"]["clips"] == 40
    assert said["validation_A"]["r2"] > 0.999


def test_other_files_and_other_grids_are_refused(tmp_path, planted):
    path = tmp_path / "other.safetensors"
    with pytest.raises(DecoderError, match="fit the decoder again"):
        decoder.load_decoder(path)
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(DecoderError, match="no hopeworld_decoder metadata"):
        decoder.load_decoder(path)
    with pytest.raises(DecoderError, match=r"latents are \(4, 5\), wanted \(6, 5\)"):
        planted.decoder(torch.zeros(4, WIDTH))


def test_an_unmoved_centre_has_no_r2():
    still = np.zeros((3, 2))
    assert np.isnan(decoder.compare(still, still, still).r2)
    assert isinstance(Decoder(torch.zeros(1, 1, 2), torch.zeros(2)), Decoder)
