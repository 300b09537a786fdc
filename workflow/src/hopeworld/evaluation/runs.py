"""The metrics of one run (method, seed, order) in one region, from its stream and its probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hopeworld import settings
from hopeworld.evaluation import metrics
from hopeworld.evaluation.tables import TableError
from hopeworld.settings import PHASES


@dataclass(frozen=True)
class RunRules:
    """Of the settings of the verdict, those that the metrics of a run depend on."""

    motion_bins: int
    collapse_ratio: float
    collapse_clips: int


@dataclass(frozen=True)
class Windows:
    """What the metrics of a run depend on besides its losses."""

    evaluation: settings.Evaluation
    verdict: RunRules
    episode_clips: int


@dataclass(frozen=True)
class Losses:
    """Losses of one run, kind and region: [K, T] each, and the phase of every clip: [K]."""

    loss: np.ndarray
    frozen: np.ndarray
    persistence: np.ndarray
    phase: np.ndarray

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases of the stream, in order."""
        return tuple(dict.fromkeys(self.phase))

    def of(self, phase: str) -> Losses:
        """The clips of one phase."""
        rows = self.phase == phase
        return Losses(self.loss[rows], self.frozen[rows], self.persistence[rows], self.phase[rows])


def losses_of(stream: pd.DataFrame) -> Losses:
    """Arrange the rows of one run, kind and region as arrays [K, T].

    A transition without patches of the region has no persistence: NaN in all three. A loss that is
    missing where persistence is known has diverged: inf. Raises `TableError` unless the clips are
    numbered 0, 1, ... through A1, B, A2 and, in a stream of four phases, B2.
    """
    k, first, (loss, frozen, persistence) = _arranged(
        stream, ("loss", "loss_frozen", "persistence")
    )
    phase = stream["phase"].to_numpy()[first]
    run = stream["run"].iloc[0]
    if not np.array_equal(k, np.arange(len(k))):
        raise TableError(f"{run}: clips of the stream are not numbered from 0 without gaps")
    found = tuple(dict.fromkeys(phase))
    if found not in (PHASES[:3], PHASES) or (np.diff(_rank(phase)) < 0).any():
        wanted = f"{', '.join(PHASES[:3])} [, {PHASES[3]}]"
        raise TableError(f"{run}: phases are not {wanted} in this order; rerun the stream")
    present = np.isfinite(persistence)
    loss, frozen = (np.where(present, _diverged(values), np.nan) for values in (loss, frozen))
    return Losses(loss, frozen, persistence, phase)


def _arranged(
    rows: pd.DataFrame, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The clips k [K], the first row of each [K], and every column as [K, T], NaN without a row.

    A pivot of pandas takes ten times as long. Raises `TableError` where rows share clip and
    transition.
    """
    k, first, row = np.unique(rows["k"].to_numpy(), return_index=True, return_inverse=True)
    t, column = np.unique(rows["t"].to_numpy(), return_inverse=True)
    if len(np.unique(row * len(t) + column)) < len(rows):
        raise TableError(f"{rows['run'].iloc[0]}: a transition has two rows; rerun the stream")
    arrays = [np.full((len(k), len(t)), np.nan) for _ in names]
    for name, array in zip(names, arrays, strict=True):
        array[row, column] = rows[name].to_numpy(float)
    return k, first, arrays


def _rank(phase: np.ndarray) -> np.ndarray:
    return np.array([PHASES.index(p) for p in phase])


def _diverged(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.inf)


def run_metrics(stream: pd.DataFrame, probes: pd.DataFrame, windows: Windows) -> dict[str, float]:
    """All metrics of one run and region; `stream` has both kinds of rows."""
    online = losses_of(stream[stream["kind"] == "online"])
    rollout = losses_of(stream[stream["kind"] == "rollout"])
    return {
        **_levels(online, windows),
        **_adaptation(online, windows),
        **_memory(online, probes, windows.evaluation),
        **_horizons(rollout),
        **_stability(online, windows.verdict),
    }


def _levels(online: Losses, windows: Windows) -> dict[str, float]:
    values, evaluation = {}, windows.evaluation
    for phase in online.phases:
        part = online.of(phase)
        loss = metrics.clip_mean(part.loss)
        values[f"loss_{phase}"] = metrics.mean(loss)
        values[f"persistence_{phase}"] = metrics.mean(metrics.clip_mean(part.persistence))
        values[f"final_loss_{phase}"] = metrics.final_loss(loss, evaluation.final_share)
        values[f"skill_{phase}"] = metrics.skill(part.loss, part.persistence)
        values[f"skill_frozen_{phase}"] = metrics.skill(part.frozen, part.persistence)
    values["loss_stream"] = metrics.mean(metrics.clip_mean(online.loss))
    values["domain_gap"] = metrics.domain_gap(values["skill_frozen_A1"], values["skill_frozen_B"])
    a1, b, a2 = (online.of(phase) for phase in PHASES[:3])
    values["domain_gap_matched"] = metrics.domain_gap_matched(
        (a1.frozen, a1.persistence), (b.frozen, b.persistence), windows.verdict.motion_bins
    )
    losses = (metrics.clip_mean(part.loss) for part in (b, a2))
    copied = (metrics.clip_mean(part.persistence) for part in (b, a2))
    values["anytime_loss"] = metrics.anytime_loss(*losses)
    values["persistence_anytime"] = metrics.anytime_loss(*copied)
    return values


def gains(losses: Losses) -> np.ndarray:
    """Paired gain g = L0 - L per clip: [K]; + means that adapting helped."""
    with np.errstate(invalid="ignore"):
        difference = losses.frozen - losses.loss
    # Both diverged: no gain, and no reason to hide the clip.
    both = np.isinf(losses.frozen) & np.isinf(losses.loss)
    return metrics.clip_mean(np.where(both, 0.0, difference))


def _adaptation(online: Losses, windows: Windows) -> dict[str, float]:
    gain, evaluation = gains(online.of("B")), windows.evaluation
    share = evaluation.final_share
    frozen = [metrics.mean(metrics.clip_mean(online.of(p).frozen)) for p in ("A1", "B")]
    half_life = metrics.half_life(gain, windows.episode_clips, evaluation.confidence)
    values = {
        "adaptation_gain": metrics.adaptation_gain(gain),
        "asymptotic_gain": metrics.asymptotic_gain(gain, share),
        "recovered_gap": metrics.recovered_gap(gain, *frozen, share),
        **_duration("half_life", half_life),
        **_duration("clips_to_50_percent", _clips_to(gain, 0.5, windows)),
        **_duration("clips_to_90_percent", _clips_to(gain, 0.9, windows)),
    }
    if "B2" in online.phases:
        again = gains(online.of("B2"))
        values["savings"] = metrics.savings(gain, again, evaluation.recovery_clips)
    return values


def _clips_to(gain: np.ndarray, fraction: float, windows: Windows) -> metrics.Duration:
    """Clips to a fraction of the late gain; NA unless the gain is positive."""
    evaluation = windows.evaluation
    if not metrics.is_positive(gain, windows.episode_clips, evaluation.confidence):
        return metrics.NOT_DEFINED
    late = metrics.asymptotic_gain(gain, evaluation.final_share)
    return metrics.clips_to_gain(gain, fraction, late)


def _memory(
    online: Losses, probes: pd.DataFrame, evaluation: settings.Evaluation
) -> dict[str, float]:
    n1, n2, *_, end = np.cumsum([(online.phase == phase).sum() for phase in online.phases])
    before, scale = probe(probes, n1, "A")
    after, _ = probe(probes, n2, "A")
    # B, or the severity that stands for it in this stream.
    other = next((domain for domain in probes["domain"] if domain != "A"), "B")
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
        "probe_A_end": probe(probes, end, "A")[0],
        "probe_B_end": probe(probes, end, other)[0],
    }


def probe(probes: pd.DataFrame, k: int, domain: str) -> tuple[float, float]:
    """Probe loss R and persistence on held-out clips of `domain` after `k` clips of the stream.

    Raises `TableError` if nothing was probed there.
    """
    rows = np.flatnonzero((probes["k"] == k) & (probes["domain"] == domain))
    if len(rows) != 1:
        raise TableError(
            f"{probes['run'].iloc[0]}: {len(rows)} probes on {domain} after clip {k}, "
            "the end of a phase, instead of one; rerun the stream"
        )
    loss, persistence = (float(probes[name].iloc[rows[0]]) for name in ("loss", "persistence"))
    diverged = np.isfinite(persistence) and not np.isfinite(loss)
    return (float("inf") if diverged else loss), persistence


def _stability(online: Losses, verdict: RunRules) -> dict[str, float]:
    loss, frozen = (metrics.clip_mean(values) for values in (online.loss, online.frozen))
    collapsed = metrics.collapsed(loss, frozen, verdict.collapse_ratio, verdict.collapse_clips)
    return {"diverged": float(np.isinf(online.loss).any()), "collapsed": float(collapsed)}


def _duration(name: str, duration: metrics.Duration) -> Mapping[str, float]:
    return {name: duration.clips, f"{name}_censored": float(duration.censored)}


def _horizons(rollout: Losses) -> dict[str, float]:
    values = {}
    for phase in rollout.phases:
        part = rollout.of(phase)
        for index, value in enumerate(metrics.rollout_curve(part.loss)):
            values[f"rollout_loss_{phase}_{index + 1}"] = float(value)
            values[f"rollout_skill_{phase}_{index + 1}"] = metrics.skill(
                part.loss[:, index], part.persistence[:, index]
            )
    return values


def centre_metrics(centres: pd.DataFrame) -> dict[str, float]:
    """Errors of the object's centre in free rollouts of one run, per phase and horizon; metres.

    centre_error: distance from the true centre, lower is better. centre_signed: along the true
    way, - stops too early. `centres` has the columns of `schema.CENTRES`.
    """
    rollout = centres[centres["kind"] == "rollout"]
    values = {}
    for phase, rows in rollout.groupby("phase", sort=False):
        start, true, predicted = (_places(rows, name) for name in ("start", "true", "predicted"))
        errors = metrics.centre_error(predicted, true)
        signed = metrics.centre_overshoot(predicted, true, start[:, 0])
        for h, (error, along) in enumerate(zip(errors, signed, strict=True), start=1):
            values[f"centre_error_{phase}_{h}"] = float(error)
            values[f"centre_signed_{phase}_{h}"] = float(along)
    return values


def _places(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Centres of one phase in metres: [K, H, 2]."""
    return np.stack(_arranged(rows, [f"{name}_{axis}" for axis in "xy"])[2], axis=-1)
