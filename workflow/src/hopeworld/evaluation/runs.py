"""The metrics of one run (method, seed, order) in one region, from its stream and its probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hopeworld import settings
from hopeworld.evaluation import metrics
from hopeworld.evaluation.tables import TableError

PHASES = ("A1", "B", "A2")


@dataclass(frozen=True)
class Windows:
    """What the metrics of a run depend on besides its losses."""

    evaluation: settings.Evaluation
    episode_clips: int


@dataclass(frozen=True)
class Losses:
    """Losses of one run, kind and region: [K, T] each, and the phase of every clip: [K]."""

    loss: np.ndarray
    frozen: np.ndarray
    persistence: np.ndarray
    phase: np.ndarray

    def of(self, phase: str) -> Losses:
        """The clips of one phase."""
        rows = self.phase == phase
        return Losses(self.loss[rows], self.frozen[rows], self.persistence[rows], self.phase[rows])


def losses_of(stream: pd.DataFrame) -> Losses:
    """Arrange the rows of one run, kind and region as arrays [K, T].

    A transition without patches of the region has no persistence: NaN in all three. A loss that is
    missing where persistence is known has diverged: inf. Raises `TableError` unless the clips are
    numbered 0, 1, ... through A1, B and A2.
    """
    wide = stream.pivot(index="k", columns="t", values=["loss", "loss_frozen", "persistence"])
    phase = stream.drop_duplicates("k").set_index("k")["phase"].loc[wide.index].to_numpy()
    run = stream["run"].iloc[0]
    if list(wide.index) != list(range(len(wide))):
        raise TableError(f"{run}: clips of the stream are not numbered from 0 without gaps")
    if list(dict.fromkeys(phase)) != list(PHASES) or (np.diff(_rank(phase)) < 0).any():
        raise TableError(f"{run}: phases are not A1, B, A2 in this order; rerun the stream")
    persistence = wide["persistence"].to_numpy(float)
    present = np.isfinite(persistence)
    loss, frozen = (
        np.where(present, _diverged(wide[n].to_numpy(float)), np.nan)
        for n in ("loss", "loss_frozen")
    )
    return Losses(loss, frozen, persistence, phase)


def _rank(phase: np.ndarray) -> np.ndarray:
    return np.array([PHASES.index(p) for p in phase])


def _diverged(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.inf)


def run_metrics(stream: pd.DataFrame, probes: pd.DataFrame, windows: Windows) -> dict[str, float]:
    """All metrics of one run and region; `stream` has both kinds of rows."""
    online = losses_of(stream[stream["kind"] == "online"])
    rollout = losses_of(stream[stream["kind"] == "rollout"])
    levels = _levels(online, windows.evaluation)
    return {
        **levels,
        **_adaptation(online, windows),
        **_memory(online, probes, windows.evaluation),
        **_horizons(rollout),
        "diverged": float(np.isinf(online.loss).any()),
    }


def _levels(online: Losses, evaluation: settings.Evaluation) -> dict[str, float]:
    values = {}
    for phase in PHASES:
        part = online.of(phase)
        loss = metrics.clip_mean(part.loss)
        values[f"loss_{phase}"] = metrics.mean(loss)
        values[f"final_loss_{phase}"] = metrics.final_loss(loss, evaluation.final_share)
        values[f"skill_{phase}"] = metrics.skill(part.loss, part.persistence)
        values[f"skill_frozen_{phase}"] = metrics.skill(part.frozen, part.persistence)
    values["loss_stream"] = metrics.mean(metrics.clip_mean(online.loss))
    values["domain_gap"] = metrics.domain_gap(values["skill_frozen_A1"], values["skill_frozen_B"])
    b, a2 = (metrics.clip_mean(online.of(phase).loss) for phase in ("B", "A2"))
    values["anytime_loss"] = metrics.anytime_loss(b, a2)
    return values


def gains(losses: Losses) -> np.ndarray:
    """Paired gain g = L0 - L per clip: [K]; + means that adapting helped."""
    with np.errstate(invalid="ignore"):
        difference = losses.frozen - losses.loss
    # Both diverged: no gain, and no reason to hide the clip.
    both = np.isinf(losses.frozen) & np.isinf(losses.loss)
    return metrics.clip_mean(np.where(both, 0.0, difference))


def _adaptation(online: Losses, windows: Windows) -> dict[str, float]:
    part, evaluation = online.of("B"), windows.evaluation
    gain, share = gains(part), evaluation.final_share
    asymptote = metrics.asymptotic_gain(gain, share)
    test = (windows.episode_clips, evaluation.confidence)
    reached = asymptote if metrics.is_positive(gain, *test) else float("nan")
    frozen = [metrics.mean(metrics.clip_mean(online.of(p).frozen)) for p in ("A1", "B")]
    return {
        "adaptation_gain": metrics.adaptation_gain(gain),
        "asymptotic_gain": asymptote,
        "recovered_gap": metrics.recovered_gap(gain, *frozen, share),
        **_duration("half_life", metrics.half_life(gain, *test)),
        **_duration("clips_to_50_percent", metrics.clips_to_gain(gain, 0.5, reached)),
        **_duration("clips_to_90_percent", metrics.clips_to_gain(gain, 0.9, reached)),
    }


def _memory(
    online: Losses, probes: pd.DataFrame, evaluation: settings.Evaluation
) -> dict[str, float]:
    n1, n2, n3 = np.cumsum([(online.phase == phase).sum() for phase in PHASES])
    before, scale = probe(probes, n1, "A")
    after, _ = probe(probes, n2, "A")
    rate = metrics.forgetting_rate(before, after, scale)
    a2 = online.of("A2")
    excess = -gains(a2)
    margin = evaluation.recovery_margin * metrics.mean(metrics.clip_mean(a2.persistence))
    return {
        "forgetting": metrics.forgetting(before, after),
        "forgetting_rate": rate,
        "forgetting_rate_per_100": metrics.per_100_clips(rate, int(n2 - n1)),
        "stream_forgetting": metrics.stream_forgetting(excess, evaluation.recovery_clips),
        **_duration("recovery", metrics.recovery(excess, margin)),
        "probe_A_before_B": before,
        "probe_A_after_B": after,
        "probe_A_end": probe(probes, n3, "A")[0],
        "probe_B_end": probe(probes, n3, "B")[0],
    }


def probe(probes: pd.DataFrame, k: int, domain: str) -> tuple[float, float]:
    """Probe loss R and persistence on held-out clips of `domain` after `k` clips of the stream.

    Raises `TableError` if nothing was probed there.
    """
    rows = probes[(probes["k"] == k) & (probes["domain"] == domain)]
    if len(rows) != 1:
        raise TableError(
            f"{probes['run'].iloc[0]}: {len(rows)} probes on {domain} after clip {k}, "
            "the end of a phase, instead of one; rerun the stream"
        )
    loss, persistence = float(rows["loss"].iloc[0]), float(rows["persistence"].iloc[0])
    diverged = np.isfinite(persistence) and not np.isfinite(loss)
    return (float("inf") if diverged else loss), persistence


def _duration(name: str, duration: metrics.Duration) -> Mapping[str, float]:
    return {name: duration.clips, f"{name}_censored": float(duration.censored)}


def _horizons(rollout: Losses) -> dict[str, float]:
    values = {}
    for phase in PHASES:
        part = rollout.of(phase)
        for index, value in enumerate(metrics.rollout_curve(part.loss)):
            values[f"rollout_loss_{phase}_{index + 1}"] = float(value)
            values[f"rollout_skill_{phase}_{index + 1}"] = metrics.skill(
                part.loss[:, index], part.persistence[:, index]
            )
    return values
