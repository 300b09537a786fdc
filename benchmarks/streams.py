"""A clip of the A-B-A stream: free rollout, then predict, score and learn along 7 transitions.

It is `adaptation.protocol.Stream` itself, with a study's methods and random weights and clips. One
clip in a period, the study's `diagnose_every`, is diagnosed; the rows that tell what that costs
play a period a repeat, and their time is that of one clip. In the last row every clip is diagnosed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.contestant import Contestant, Count, Repeat, Setting, one
from benchmarks.predictors import NAMES, build, clip
from benchmarks.sizes import Size
from hopeworld.adaptation.clips import Clips
from hopeworld.adaptation.job import StreamJob
from hopeworld.adaptation.probes import Probes
from hopeworld.adaptation.protocol import Stream

GROUP = "stream, one clip"
OFF, ONLINE = "HOPE, CMS off", "HOPE, CMS online"
SHARE = 0.05


def period(size: Size) -> int:
    """The clips of the study's streams of which one is diagnosed."""
    return size.study.adaptation.diagnose_every


def contestants() -> list[Contestant]:
    """Frozen and learning predictors; what CMS updates, TTA and the diagnostics cost."""
    frozen, tuned = f"{NAMES['vit_ac']}, frozen", f"{NAMES['vit_ac']}, LayerNorm TTA"
    traced = partial(play, method="hope", clips=period, diagnosed=one)
    all_traced = partial(play, method="hope", clips=period, diagnosed=period)
    name = f"{ONLINE}, one clip in a period diagnosed"
    return [
        Contestant(GROUP, frozen, frozen, partial(play, method="vit_frozen")),
        Contestant(GROUP, tuned, frozen, partial(play, method="vit_tta")),
        Contestant(GROUP, OFF, OFF, partial(play, method="hope_frozen")),
        Contestant(GROUP, ONLINE, OFF, partial(play, method="hope", clips=period), units=period),
        Contestant(GROUP, name, ONLINE, traced, target=1 / (1 - SHARE), units=period),
        Contestant(GROUP, f"{ONLINE}, all clips diagnosed", ONLINE, all_traced, units=period),
    ]


def play(
    setting: Setting, method: str, clips: Count = one, diagnosed: Count = lambda size: 0
) -> Repeat:
    """Play some clips of a stream, the first few of them diagnosed."""
    count, traced = clips(setting.size), diagnosed(setting.size)
    job = _job(setting, method, count)
    depth = max(1, setting.size.depth // 2)
    predictor = build(job.method.model, setting, depth)
    stream = Stream(job, predictor, job.orders, Probes({}, setting.device))
    data = _clip(setting)
    numbers = [0] * traced + [1] * (count - traced)

    def repeat() -> None:
        with setting.precision():
            for k in numbers:
                stream.play(k, "A1", data)
                stream.learner.end_clip()

    return repeat


def _job(setting: Setting, method: str, clips: int) -> StreamJob:
    """A stream that diagnoses clip 0 and none of the others, without files."""
    adaptation = setting.size.study.adaptation
    return StreamJob(
        stream="main",
        name=method,
        method=adaptation.methods[method],
        settings=replace(adaptation, diagnose_every=max(2, clips)),
        seed=0,
        orders=(0,),
        weights=Path(),
        phases=(),
        probes={},
        device=setting.device,
    )


def _clip(setting: Setting) -> Clips:
    latents, actions = clip(replace(setting, batch=1), setting.size.latents)
    mask = torch.zeros(1, *latents.shape[1:3], dtype=torch.bool)
    mask[:, :, : mask.shape[2] // 8] = True
    return Clips([0], latents, actions, mask, mask, np.zeros((1, setting.size.latents, 2)))
