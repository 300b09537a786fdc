"""Mixer against mixer: projections, RoPE, attention or memory, out-projection; no MLP.

One clip of 8 steps, forward and backward. The memories have no local mixing here, which attention
has no counterpart of, but for one row that shows what it costs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks.contestant import Contestant, Repeat, Setting, forward_backward
from benchmarks.peers.dense_attention import DenseAttention, Shape, block_causal_mask
from benchmarks.peers.neural_memory import NeuralMemory
from hopeworld.models.hope.titan import Titan
from hopeworld.models.rotary import rotary_tables
from hopeworld.models.vit_ac import Attention

GROUP = "mixers"
PLAIN = "plain attention, dense mask"
RULES = ("proximal", "dgd", "delta")
MEMORIES = {
    "linear": {"mixer": "linear", "adaptive": ()},
    "MLP, static": {"mixer": "titan", "adaptive": ()},
    "MLP, self-modifying": {"mixer": "titan"},
}
TARGETS = {"linear": 0.3, "MLP, static": 0.65, "MLP, self-modifying": 0.9}


def plain_attention(setting: Setting) -> Repeat:
    """The denominator."""
    size = setting.size
    mixer = setting.prepare(DenseAttention(plain_shape(setting, depth=1, steps=size.latents)))
    mask = block_causal_mask(size.latents, size.tokens).to(setting.device)
    x = setting.normal(setting.batch, size.latents * size.tokens, size.vit_ac(1).width)
    return forward_backward(setting, mixer, lambda x: mixer(x, mask), x)


def plain_shape(setting: Setting, depth: int, steps: int) -> Shape:
    """ViT-AC's sizes for the plain formulation, for clips of up to `steps` steps."""
    size, vit = setting.size, setting.size.vit_ac(depth)
    hidden = round(vit.mlp_ratio * vit.width)
    return Shape(depth, vit.width, vit.heads, hidden, size.grid, size.feature_width, steps)


def vit_attention(setting: Setting) -> Repeat:
    """ViT-AC's attention."""
    vit = setting.size.vit_ac(1)
    mixer = setting.prepare(Attention(vit.width, vit.heads))
    tables = _tables(setting, vit.width // vit.heads, vit.rope)
    return forward_backward(setting, mixer, lambda x: mixer(x, tables, None)[0], _input(setting))


def titan(setting: Setting, **changes: Any) -> Repeat:
    """The memory of a HOPE block under some changes of its settings, from a fresh state."""
    size = setting.size
    hope = replace(size.hope(1), **changes)
    mixer = Titan(hope, size.grid, torch.Generator().manual_seed(0))
    setting.prepare(mixer)
    tables = _tables(setting, hope.width // hope.heads, hope.rope)
    state = mixer.initial(setting.batch, size.tokens - 1)
    return forward_backward(
        setting, mixer, lambda x: mixer(x, tables, state, None)[0], _input(setting)
    )


def neural_memory(setting: Setting, chunks: str) -> Repeat:
    """titans-pytorch's memory; see peers/neural_memory.py for what is comparable."""
    hope = setting.size.hope(1)
    mixer = NeuralMemory(hope.width, hope.heads, setting.size.tokens, hope.memory_ratio, chunks)
    setting.prepare(mixer)
    return forward_backward(setting, mixer, mixer, _input(setting))


def _tables(setting: Setting, head_width: int, rope: str) -> Any:
    """Rotary tables of a clip: built once, as in the predictors."""
    size = setting.size
    device = torch.device(setting.device)
    return rotary_tables(0, size.latents, size.grid, head_width, rope, device)


def _input(setting: Setting) -> torch.Tensor:
    size = setting.size
    return setting.normal(setting.batch, size.latents, size.tokens, size.vit_ac(1).width)


def _titans() -> list[Contestant]:
    return [
        Contestant(
            GROUP,
            f"{memory}, {rule}",
            PLAIN,
            partial(titan, write=rule, local_mixing=False, **changes),
            TARGETS[memory] if rule == "proximal" else None,
        )
        for memory, changes in MEMORIES.items()
        for rule in RULES
    ]


def contestants() -> list[Contestant]:
    """Attention, the memory under each write rule, and a public implementation."""
    return [
        Contestant(GROUP, PLAIN, PLAIN, plain_attention),
        Contestant(GROUP, "ViT-AC's attention", PLAIN, vit_attention),
        *_titans(),
        Contestant(GROUP, "MLP, self-modifying, proximal, local mixing", PLAIN, titan),
        *(
            Contestant(
                GROUP,
                f"titans-pytorch NeuralMemory, {chunks}",
                PLAIN,
                partial(neural_memory, chunks=chunks),
            )
            for chunks in ("frozen", "exact")
        ),
    ]
