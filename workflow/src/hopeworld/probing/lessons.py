"""What one clip teaches: every held-out clip learnt from alone, from the trained model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hopeworld.adaptation.clips import Clips, read_clips
from hopeworld.adaptation.learner import Learner
from hopeworld.features.dataset import ClipDataset
from hopeworld.models.objective import TRANSITIONS
from hopeworld.probing import separability
from hopeworld.probing.knowledge import parts_of, take, vector
from hopeworld.progress import tracked


@dataclass(frozen=True)
class Lessons:
    """Changes of one part by each clip of both domains.

    sketches: [clips, separability.WIDTH].   norms: length of the change.   is_b: of the second
    domain.   episodes: clip i of both domains is of the same episode.
    """

    sketches: np.ndarray
    norms: np.ndarray
    is_b: np.ndarray
    episodes: np.ndarray


def separate(
    learner: Learner, probes: Mapping[str, ClipDataset], confidence: float, device: str
) -> list[dict]:
    """Rows part, accuracy with its interval, clips, episodes, norm_accuracy, chance.

    The interval counts an episode of a domain as one trial: its clips share their physics.
    `norm_accuracy` knows the length of the change alone. The learner is left as trained.
    """
    rows = []
    for part, lessons in learn_clips(learner, probes, device).items():
        told_by = {"is_b": lessons.is_b, "episodes": lessons.episodes}
        share = separability.accuracy(lessons.sketches, **told_by)
        trials = len(np.unique(np.stack([lessons.is_b, lessons.episodes]), axis=1).T)
        low, high = separability.wilson(share, trials, confidence)
        row = {"part": part, "accuracy": share, "low": low, "high": high}
        row |= {"clips": len(lessons.is_b), "episodes": trials}
        row |= {"norm_accuracy": separability.accuracy(lessons.norms[:, None], **told_by)}
        rows.append(row | {"chance": separability.CHANCE})
    return rows


def learn_clips(
    learner: Learner, probes: Mapping[str, ClipDataset], device: str
) -> dict[str, Lessons]:
    """The lessons of every part; `probes` holds A first."""
    learner.reset()
    trained = {part: vector(take(learner), part) for part in parts_of(take(learner))}
    seen = []
    for number, (domain, data) in enumerate(probes.items()):
        episodes = tracked(data.episode, f"lessons of {domain}", len(data), "clips")
        for position, episode in enumerate(episodes):
            learn_clip(learner, read_clips(data, [position], device))
            learnt = take(learner)
            changes = [vector(learnt, part) - start for part, start in trained.items()]
            sketches = [separability.sketch(change) for change in changes]
            norms = [np.linalg.norm(change) for change in changes]
            seen.append((sketches, norms, number > 0, episode))
    learner.reset()
    sketches, norms, is_b, episodes = (np.array(column) for column in zip(*seen, strict=True))
    return {
        part: Lessons(sketches[:, i], norms[:, i], is_b, episodes) for i, part in enumerate(trained)
    }


def learn_clip(learner: Learner, clip: Clips) -> None:
    """From the trained model, one clip by the method's own rules."""
    learner.reset()
    for t in range(TRANSITIONS):
        learner.predict(clip.latents[:, t : t + 1], clip.actions[:, t : t + 1])
        learner.learn(clip.latents[:, t + 1])
    learner.end_clip()
