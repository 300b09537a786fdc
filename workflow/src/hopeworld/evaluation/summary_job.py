"""What a summary of a study reads, writes and depends on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hopeworld import settings
from hopeworld.evaluation.runs import RunRules


@dataclass(frozen=True)
class Sources:
    """The files of all runs and trainings."""

    streams: tuple[Path, ...]
    probes: tuple[Path, ...]
    memories: tuple[Path, ...]
    centres: tuple[Path, ...]
    costs: tuple[Path, ...]
    histories: tuple[Path, ...]
    gates: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """The files that a study's summary writes."""

    stream: Path
    probes: Path
    memory: Path
    centres: Path
    history: Path
    final_losses_csv: Path
    final_losses_tex: Path
    metrics_csv: Path
    metrics_tex: Path
    costs_csv: Path
    costs_tex: Path
    gate: Path
    metrics: Path
    cautions: Path


@dataclass(frozen=True)
class SummaryJob:
    """The settings that a summary depends on.

    methods: every method of any stream.
    streams: the streams that ran, main first; contestants name all methods of one, twins too.
    kinds: for the predictor of every method what it is: vit_ac, hope or a closed form.
    oracles: the predictors that were trained on B alone.
    clip_norms: for every trained predictor the norm that training clips its gradients to.
    """

    study: str
    seeds: tuple[int, ...]
    orders: tuple[int, ...]
    methods: dict[str, settings.Method]
    streams: dict[str, settings.StreamPlan]
    kinds: dict[str, str]
    oracles: tuple[str, ...]
    encoder: settings.Encoder
    evaluation: settings.Evaluation
    verdict: RunRules
    episode_clips: int
    clip_norms: dict[str, float]
