"""How many sequences go through the encoder at once, and how much arithmetic that was."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from hopeworld.features.weights import Architecture
from hopeworld.settings import PATCH_PX, TUBELET_FRAMES

BASE_MB = 700
"""What a job takes beside weights and passes: 440 MB of libraries, clips that wait, work space."""

VALUES_BESIDE_MLP = 16
FLOATS_OF_A_PIXEL = 4
GPU_SHARE = 0.8
TOKENS_OF_A_PASS = {"cpu": 512, "cuda": 16384}
"""More gain nothing, and the last pass of a shard is filled up in vain.

On a core, ViT-L in bfloat16, pairs of 128 px: 29 ms for 4 layers at 64 tokens in a pass, 21 ms at
256 to 2048; of 256 px: 92 ms at 256, 88 to 89 ms at 512 to 2048. The GPU's is a guess.
"""

MATRIX_SIDE = {"cpu": 512, "cuda": 8192}
MEASURED_S = 0.3


def choose_batch(model: nn.Module, sizes: Architecture, frames: int, memory_mb: int) -> int:
    """The largest power of two of sequences of `frames` that fits and still gains; at least 1.

    They fit into what the GPU has free where `model` lies on one, else into `memory_mb` of the job
    without its libraries and weights. Prints the choice.
    """
    weight = next(model.parameters())
    free = _gpu_bytes(weight.device) if weight.is_cuda else _cpu_bytes(model, memory_mb)
    each, tokens = sequence_bytes(sizes, frames, weight.dtype), _tokens(sizes, frames)
    most = min(free / each, TOKENS_OF_A_PASS[weight.device.type] / tokens)
    batch = 2 ** math.floor(math.log2(max(most, 1)))
    memory = f"{each / 1e6:.0f} MB each, {free / 1e6:.0f} MB are free"
    print(f"features: {batch} sequences of {tokens} tokens in a pass: {memory}", flush=True)
    return batch


def sequence_bytes(sizes: Architecture, frames: int, dtype: torch.dtype) -> int:
    """Bytes that a sequence of `frames` adds to the peak of a forward pass.

    Per token and value of the width: 2 MLP rows and 16 more, in `dtype`; per pixel and colour: the
    byte and 4 float32. For ViT-L 75 KB a token in 2-byte types and 124 KB in float32; the measured
    peak of the process (VmHWM; 2 to 16 frames, 128 and 256 px, 2048 and 4096 tokens in a pass) grew
    by 56 to 72 KB a token in bfloat16 and 107 KB in float32.
    """
    wide = (2 * sizes.mlp_ratio + VALUES_BESIDE_MLP) * sizes.width
    pixels = frames * 3 * sizes.image_px**2
    activations = _tokens(sizes, frames) * wide * dtype.itemsize
    return round(activations + pixels * (1 + 4 * FLOATS_OF_A_PIXEL))


def _tokens(sizes: Architecture, frames: int) -> int:
    return frames // TUBELET_FRAMES * sizes.grid**2


def _gpu_bytes(device: torch.device) -> float:
    return GPU_SHARE * torch.cuda.mem_get_info(device)[0]


def _cpu_bytes(model: nn.Module, memory_mb: int) -> float:
    weights = sum(weight.nbytes for weight in model.parameters())
    return max(0.0, 1e6 * (memory_mb - BASE_MB) - weights)


@contextmanager
def counted(model: nn.Module) -> Iterator[Counter[torch.Size]]:
    """Count the passes of the block by the shape of their input."""
    passes: Counter[torch.Size] = Counter()
    hook = model.register_forward_hook(lambda _, given, __: passes.update([given[0].shape]))
    try:
        yield passes
    finally:
        hook.remove()


def flops(sizes: Architecture, shape: torch.Size) -> int:
    """Floating-point operations of a pass [B, F, 3, H, W]: convolution, matrix products, attention.

    Two for a multiplication with its addition; norms, activations and softmax are left out.
    """
    sequences, frames, width = shape[0], shape[1], sizes.width
    tokens = _tokens(sizes, frames)
    convolution = TUBELET_FRAMES * 3 * PATCH_PX**2 * width
    products = round((4 + 2 * sizes.mlp_ratio) * width**2)
    attention = 2 * tokens * width
    return 2 * sequences * tokens * (convolution + sizes.layers * (products + attention))


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Operations per second of a product of square matrices here: the best of 0.3 s."""
    kind = torch.device(device).type
    side = MATRIX_SIDE[kind]
    generator = torch.Generator(device).manual_seed(0)
    matrix = torch.randn(side, side, device=device, generator=generator).to(dtype)
    best, end = math.inf, time.perf_counter() + MEASURED_S
    while math.isinf(best) or time.perf_counter() < end:
        start = time.perf_counter()
        matrix @ matrix
        if kind == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def summary(
    sizes: Architecture, passes: Counter[torch.Size], clips: int, seconds: float, peak: float
) -> str:
    """One line: clips and operations per second, and their share of `peak` (matmul_rate).

    The work is that of the passes that were made, those that were filled up included.
    """
    work = sum(count * flops(sizes, shape) for shape, count in passes.items())
    rates = f"{clips / seconds:.3g} clips/s, {work / seconds / 1e12:.3g} TFLOP/s"
    share = f"{100 * work / seconds / peak:.0f} % of a matrix product's {peak / 1e12:.3g} TFLOP/s"
    return f"{clips} clips in {seconds:.1f} s: {rates}, {share}"
