"""The batch that memory allows, and the arithmetic that is reported."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.tiny_features import TINY, clip_frames, tiny_encoder
from torch.utils.flop_counter import FlopCounterMode

from hopeworld.features import throughput
from hopeworld.features.passes import encode_clips
from hopeworld.features.throughput import (
    BASE_MB,
    choose_batch,
    counted,
    flops,
    matmul_rate,
    sequence_bytes,
    summary,
)
from hopeworld.features.weights import vit_large

WEIGHTS_MB = 608
THESIS = vit_large(256)


class Heavy(torch.nn.Module):
    """The weights of the ViT-L in bfloat16, on no memory but their own size."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(1, dtype=torch.bfloat16))
        self.rest = torch.nn.Parameter(
            torch.empty(1, dtype=torch.bfloat16).expand(WEIGHTS_MB * 500_000)
        )


@pytest.mark.parametrize(
    ("image_px", "frames", "memory_mb", "batch"),
    [
        (128, 2, 4000, 8),
        (128, 2, BASE_MB + WEIGHTS_MB + 25, 4),
        (256, 2, 4000, 2),
        (256, 16, 4000, 1),
        (256, 2, 100, 1),
    ],
)
def test_the_batch_is_what_fits_and_gains(image_px, frames, memory_mb, batch, capsys):
    assert choose_batch(Heavy(), vit_large(image_px), frames, memory_mb) == batch
    tokens = (image_px // 16) ** 2 * frames // 2
    assert f"{batch} sequences of {tokens} tokens" in capsys.readouterr().out


def test_memory_grows_with_tokens_and_their_type():
    pair = sequence_bytes(THESIS, 2, torch.bfloat16)
    assert sequence_bytes(THESIS, 16, torch.bfloat16) == 8 * pair
    assert pair < sequence_bytes(THESIS, 2, torch.float32) < 2 * pair
    assert 256 * 72_000 < pair < 256 * 80_000


def test_passes_are_counted_with_what_fills_them_up():
    encoder = tiny_encoder("prefix", batch=2, steps=2)
    with counted(encoder.model) as passes:
        list(encode_clips(encoder, [clip_frames(0), clip_frames(1), clip_frames(2)]))
    assert passes == {(2, 2, 3, 64, 64): 2, (2, 4, 3, 64, 64): 2}
    list(encode_clips(encoder, [clip_frames(0)]))
    assert sum(passes.values()) == 4


@pytest.mark.parametrize("frames", [2, 8])
def test_operations_are_those_that_torch_counts(frames):
    # On the meta device: on the CPU torch does not count its fused attention.
    model, shape = tiny_encoder().model.to("meta"), torch.Size((3, frames, 3, 64, 64))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(shape, device="meta"))
    assert flops(TINY, shape) == counter.get_total_flops()


def test_the_rate_of_a_product_is_that_of_its_best_run(monkeypatch):
    times = iter([0.0, 0.0, 0.5, 0.5, 1.0, 1.25, 1.25])
    monkeypatch.setattr(throughput, "MEASURED_S", 1.1)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(times))
    assert matmul_rate("cpu", torch.float32) == pytest.approx(2 * 512**3 / 0.25)


def test_the_summary_says_rates_and_their_share():
    shape = torch.Size((4, 2, 3, 64, 64))
    work = 5 * flops(TINY, shape)
    line = summary(TINY, {shape: 5}, clips=10, seconds=2.0, peak=work)
    assert line.startswith("10 clips in 2.0 s: 5 clips/s, ")
    assert "50 % of a matrix product's" in line


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_batch_of_a_gpu_is_from_its_free_memory():
    assert choose_batch(tiny_encoder().model.cuda(), TINY, 2, memory_mb=0) == 1024


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["tubelet", "prefix", "clip"])
def test_a_gpu_gives_what_the_cpu_gives(mode):
    encoder, clips = tiny_encoder(mode), [clip_frames(0, still=6), clip_frames(1)]
    expected = np.stack(list(encode_clips(encoder, clips)))
    on_gpu = dataclasses.replace(encoder, model=encoder.model.cuda())
    found = np.stack(list(encode_clips(on_gpu, clips)))
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=4e-3)
