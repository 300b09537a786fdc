"""Pairs of clips, one draw under the physics of A and of B, and kernels of their first latents.

Both clips of a pair are the same pixels up to the push. A push at frame n leaves (n + 1) / 2
latents that show an object at rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hopeworld.features.store import FeatureShard
from hopeworld.models.predictor import standardise
from hopeworld.probing import ridge
from hopeworld.simulation.table import read_clip_table

COLUMNS = ("clip", "episode", "onset", "position")
CLIPS = 16
"""Clips that are read at once."""
PATCHES = 8
"""Patches that are multiplied at once."""
SETTLED_M = 1e-9
"""Of a start position: contacts settle before frame 0, in each domain on their own."""

Paths = Sequence[str | os.PathLike]


class PairError(ValueError):
    """Clips that are no pairs, or features that are not theirs."""


@dataclass(frozen=True)
class Pairs:
    """N clips: those of A, then their partners of B in the same order."""

    clip: np.ndarray  # int64 [N]
    episode: np.ndarray  # int64 [N]; of both clips of a pair
    is_b: np.ndarray  # bool [N]
    at_rest: np.ndarray  # int64 [N]: latents before the push
    start: np.ndarray  # float64 [N, 2], metres: the object in the first frame
    displacement: np.ndarray  # float64 [N, 2], metres: last frame minus first


@dataclass(frozen=True)
class Seen:
    """What a probe sees of the first `steps` latents of the clips `rows` that rest so long.

    kernel: inner products float64 [n, n].   equal: bool [n], whether the features of the clip and
    its partner agree bit for bit.
    """

    steps: int
    rows: np.ndarray
    kernel: np.ndarray
    equal: np.ndarray


def read_pairs(a: Paths, b: Paths) -> Pairs:
    """Join the clip tables of both domains; raise `PairError` unless clip i of both is one draw."""
    one, other = _columns(a), _columns(b)
    start = one["position"][:, 0, :2]
    same = all(np.array_equal(one[name], other[name]) for name in ("clip", "episode", "onset"))
    if not same or not np.allclose(start, other["position"][:, 0, :2], rtol=0, atol=SETTLED_M):
        raise PairError(f"leakage: {a[0]} and {b[0]} hold no pairs; simulate split leakage again")
    both = {name: np.concatenate([one[name], other[name]]) for name in COLUMNS}
    place = both["position"][:, :, :2]
    return Pairs(
        clip=both["clip"],
        episode=both["episode"],
        is_b=np.repeat([False, True], len(one["clip"])),
        at_rest=(both["onset"] + 1) // 2,
        start=np.tile(start, (2, 1)),
        displacement=place[:, -1] - place[:, 0],
    )


def see_latents(pairs: Pairs, a: Paths, b: Paths) -> Iterator[Seen]:
    """The kernels of z_1, of z_1 and z_2, ..., from the feature shards of both domains.

    Latents are standardised by LayerNorm. The kernel of some latents is the sum of the kernels of
    each, over the clips that rest long enough; one latent of all clips is held at a time. Raises
    `PairError` unless the shards hold the clips of `pairs`, in order.
    """
    shards = [FeatureShard(path) for path in (*a, *b)]
    _check_clips(pairs, shards)
    count = len(pairs.clip)
    total, equal = np.zeros((count, count)), np.ones(count, bool)
    for step in range(pairs.at_rest.max()):
        rows = np.flatnonzero(pairs.at_rest > step)
        latents = _read(shards, step, rows)
        total[np.ix_(rows, rows)] += ridge.gram(_blocks(latents), len(rows))
        equal[rows] &= np.tile(_same(*np.split(latents, 2)), 2)
        yield Seen(step + 1, rows, total[np.ix_(rows, rows)], equal[rows])


def see_starts(pairs: Pairs, steps: int) -> Seen:
    """The kernel of the first position alone, over the clips that rest for `steps` latents."""
    rows = np.flatnonzero(pairs.at_rest >= steps)
    place = pairs.start[rows] - pairs.start[rows].mean(0)
    return Seen(steps, rows, place @ place.T, np.ones(len(rows), bool))


def _columns(paths: Paths) -> dict[str, np.ndarray]:
    tables = [read_clip_table(path) for path in paths]
    return {name: np.concatenate([table[name] for table in tables]) for name in COLUMNS}


def _check_clips(pairs: Pairs, shards: Sequence[FeatureShard]) -> None:
    clips = np.concatenate([shard.clip for shard in shards])
    steps = min(shard.shape[0] for shard in shards)
    if not np.array_equal(clips, pairs.clip) or steps < pairs.at_rest.max():
        what = f"{len(clips)} clips of {steps} latents, not {len(pairs.clip)} as in the clip tables"
        raise PairError(f"leakage: {shards[0].path} and its like hold {what}; encode them again")


def _read(shards: Sequence[FeatureShard], step: int, rows: np.ndarray) -> np.ndarray:
    """Latent `step` (from 0) of some clips, ascending: float16 [n, P, D]."""
    out = np.empty((len(rows), *shards[0].shape[1:]), np.float16)
    first = 0
    for shard in shards:
        inside = np.flatnonzero((rows >= first) & (rows < first + len(shard)))
        for places in np.array_split(inside, -(-len(inside) // CLIPS) or 1):
            out[places] = shard.gather(rows[places] - first)[:, step]
        first += len(shard)
    return out


def _blocks(latents: np.ndarray) -> Iterator[np.ndarray]:
    """Standardised latents of some patches at a time, centred over the clips: float64 [n, .]."""
    for first in range(0, latents.shape[1], PATCHES):
        part = torch.from_numpy(latents[:, first : first + PATCHES]).float()
        columns = standardise(part).numpy().reshape(len(part), -1).astype(np.float64)
        yield columns - columns.mean(0)


def _same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether latents [n, P, D] agree bit for bit: bool [n]."""
    return (one.view(np.uint16) == other.view(np.uint16)).all(axis=(1, 2))
