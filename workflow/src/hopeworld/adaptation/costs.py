"""What one transition of a contestant costs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from hopeworld.adaptation.clips import Clips
from hopeworld.adaptation.learner import Learner
from hopeworld.models.objective import TRANSITIONS

Shape = tuple[int, ...]


def count_flops(learner: Learner, clips: Clips) -> float:
    """FLOPs of predict and learn per transition and stream, the mean over one clip.

    Counted are matrix products, attention and convolutions, forward and backward, a multiplication
    and an addition as two. Not counted: elementwise arithmetic, norms, reductions, the optimiser,
    and the Cholesky factors of the memories. The learner has learnt the clip afterwards.
    """
    with FlopCounterMode(display=False, custom_mapping=_on_cpu()) as counter:
        for t in range(TRANSITIONS):
            learner.predict(clips.latents[:, t : t + 1], clips.actions[:, t : t + 1])
            learner.learn(clips.latents[:, t + 1])
    return counter.get_total_flops() / (TRANSITIONS * learner.streams)


def _on_cpu() -> dict:
    """Products that the counter does not know: oneDNN's linear, and attention on a CPU."""
    aten = torch.ops.aten
    known = {
        aten._scaled_dot_product_flash_attention_for_cpu: _attention_flop,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flop,
    }
    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        known[torch.ops.mkldnn._linear_pointwise] = _linear_flop
    return known


def _attention_flop(query: Shape, key: Shape, value: Shape, *rest: Any, **other: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward_flop(
    gradient: Shape, query: Shape, key: Shape, value: Shape, *rest: Any, **other: Any
) -> int:
    return sdpa_backward_flop_count(gradient, query, key, value)


def _linear_flop(x: Shape, weight: Shape, *rest: Any, **other: Any) -> int:
    return 2 * math.prod(x) * weight[0]
