"""A1 -> B -> A2 as a fold over clips: predict, score, observe. The order is the contract.

    for clip k:   forget the clip (or, per_clip, everything)
                  one free rollout, H = 1 ... 7, on a copy of the state that the clip starts with
      for t:      predict z_{t+1} from what has been seen and a_t
                  --- z_{t+1} is observed ---
                  score (object / background / all), persistence            before any update
                  learn: CMS look-back step of HOPE, TTA step
      at probe points: score held-out A and B clips; in-clip writes on, TTA and CMS updates off,
                  every clip from the stream's state, which stays as it was (checked by its hash)

The rollout is scored at the start of its clip, so that no number is scored after learning from it.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hopeworld.adaptation.adapter import Adapter, Update
from hopeworld.adaptation.records import Place, Records, Score
from hopeworld.features.dataset import ClipDataset
from hopeworld.models.objective import TRANSITIONS, region_masks, rollout_mask, token_error
from hopeworld.models.predictor import Predictor, State, Trace, standardise
from hopeworld.models.state import digest
from hopeworld.schema import REGIONS
from hopeworld.settings import Adaptation, Method
from hopeworld.trained import load_predictor

PROGRESS_S = 5.0


class StreamError(ValueError):
    """A stream that cannot go on."""


@dataclass(frozen=True)
class Clip:
    """One clip, ready for a predictor."""

    index: int
    latents: Float[Tensor, "1 8 P D"]
    actions: Float[Tensor, "1 8 A"]
    mask_now: Bool[Tensor, "8 P"]
    mask_next: Bool[Tensor, "8 P"]


@dataclass(frozen=True)
class StreamJob:
    """One contestant on one stream.

    phases: name and clips of A1, B, A2 in order.   probes: held-out clips of A and B.
    """

    name: str
    method: Method
    settings: Adaptation
    seed: int
    order: int
    weights: Path
    phases: tuple[tuple[str, ClipDataset], ...]
    probes: dict[str, ClipDataset]
    device: str


def run_stream(job: StreamJob) -> Records:
    """Run one method over the stream; returns the rows of its three tables."""
    predictor, _ = load_predictor(job.weights, job.device)
    run = Stream(job, predictor)
    clips = list(stream_clips(job))
    run.probe(0, "start")
    last_line = time.monotonic()
    for k, (phase, data, index) in enumerate(clips):
        run.play(Place(k, phase, int(data.clip[index])), read_clip(data, index, job.device))
        phase_ends = k + 1 == len(clips) or clips[k + 1][0] != phase
        if phase_ends or (k + 1) % job.settings.probe_every == 0:
            run.probe(k + 1, phase)
        if time.monotonic() - last_line > PROGRESS_S or k + 1 == len(clips):
            last_line = time.monotonic()
            print(f"{job.name}: {phase}, clip {k + 1}/{len(clips)}", file=sys.stderr, flush=True)
    for warning in run.records.warnings():
        print(f"warning: {job.name}: {warning}", file=sys.stderr, flush=True)
    return run.records


def stream_clips(job: StreamJob) -> Iterator[tuple[str, ClipDataset, int]]:
    """Phase, data and position of every clip; order 0 as drawn, others permute the episodes."""
    for number, (phase, data) in enumerate(job.phases):
        episodes = np.unique(data.episode)
        if job.order:
            generator = np.random.default_rng((job.order, number))
            episodes = generator.permutation(episodes)
        for episode in episodes:
            for index in np.flatnonzero(data.episode == episode):
                yield phase, data, int(index)


def read_clip(data: ClipDataset, index: int, device: str) -> Clip:
    """Read one clip into LayerNorm space; raises `StreamError` on NaN or Inf."""
    latents = standardise(torch.from_numpy(data.latents([index])).to(device))
    if not torch.isfinite(latents).all():
        raise StreamError(f"clip {int(data.clip[index])} has NaN or Inf features; encode it again")
    return Clip(
        index,
        latents,
        torch.from_numpy(data.action[index : index + 1]).to(device),
        torch.from_numpy(data.mask_now[index]).to(device),
        torch.from_numpy(data.mask_next[index]).to(device),
    )


class Stream:
    """A predictor on its way through a stream."""

    def __init__(self, job: StreamJob, predictor: Predictor):
        self.job = job
        self.predictor = predictor
        self.adapter = Adapter(predictor, job.method, job.settings.clip_norm)
        if job.method.look_back_rate:
            predictor.look_back_rate = job.method.look_back_rate
        self.learns = job.method.look_back_rate > 0 or job.method.adapt != "none"
        self.state = predictor.initial(1)
        self.diverged = False
        name = f"{job.name}_seed{job.seed}_order{job.order}"
        self.records = Records(
            {"run": name, "seed": job.seed, "order": job.order, "method": job.name}
        )
        self._probed: tuple[str, dict[str, dict[str, tuple[float, float]]]] = ("", {})

    def play(self, place: Place, clip: Clip) -> None:
        """One clip of the stream: rollout, then predict, score and learn along its transitions."""
        self.state = self._start_clip()
        self.records.add_rollout(place, self._rollout(clip))
        trace = {} if place.k % self.job.settings.diagnose_every == 0 else None
        for t in range(TRANSITIONS):
            self._transition(place, t, clip, trace)
        if trace:
            self.records.add_trace(place, trace)

    def _start_clip(self) -> State:
        if self.job.method.scope == "per_clip":
            return self.predictor.initial(1)
        return self.predictor.new_clip(self.state)

    @torch.no_grad()
    def _rollout(self, clip: Clip) -> Score:
        predictions = self.predictor.rollout(
            self.state, clip.latents[:, :1], clip.actions, TRANSITIONS
        )
        truth = clip.latents[:, 1 : TRANSITIONS + 1]
        mask = rollout_mask(clip.mask_now[None], TRANSITIONS)[0]
        still = token_error(clip.latents[:, :1].expand_as(truth), truth)[0]
        return Score(token_error(predictions, truth)[0], still, mask)

    def _transition(self, place: Place, t: int, clip: Clip, trace: Trace | None) -> None:
        started = time.perf_counter()
        now, truth = clip.latents[:, t : t + 1], clip.latents[:, t + 1]
        with torch.set_grad_enabled(self.learns):
            prediction, state = self.predictor.predict(
                self.state, now, clip.actions[:, t : t + 1], trace
            )
            score = score_transition(prediction, clip, t)
            if torch.isfinite(score.loss).all():
                state = self.predictor.observe(state, prediction[:, -1], truth)
                if trace:
                    self._note_benefit(place, t, clip, score, state)
                update = self.adapter.adapt(prediction[:, -1], truth)
            else:
                self._report_divergence(place, t)
                update = Update(math.nan, False)
        self.state = self.predictor.refresh(self.predictor.detach(state))
        elapsed_ms = math.nan if trace is not None else self._elapsed_ms(started)
        measured = {"drift": self.adapter.drift(), "time_ms": elapsed_ms}
        self.records.add_transition(place, t, score, update, measured)

    @torch.no_grad()
    def _note_benefit(self, place: Place, t: int, clip: Clip, score: Score, after: State) -> None:
        """What carrying a state and what the look-back are worth, by predicting once more.

        carry_benefit: object loss of the first transition from initial(), minus that as carried.
        loss_before, loss_after: loss of the last transition, and with the deltas it has taught.
        """
        if t == 0:
            reset = self._loss_again(self.predictor.initial(1), t, clip)
            benefit = (reset - score.loss)[score.mask].mean()
            self.records.add_note(place, t, "state", "carry_benefit", benefit)
        if t == TRANSITIONS - 1 and self.job.method.look_back_rate:
            taught = self._loss_again(self.predictor.taught(self.state, after), t, clip)
            self.records.add_note(place, t, "cms", "loss_before", score.loss.mean())
            self.records.add_note(place, t, "cms", "loss_after", taught.mean())

    def _loss_again(self, state: State, t: int, clip: Clip) -> Float[Tensor, "1 P"]:
        inputs = clip.latents[:, t : t + 1], clip.actions[:, t : t + 1]
        prediction, _ = self.predictor.predict(state, *inputs)
        return token_error(prediction, clip.latents[:, t + 1 : t + 2])[0]

    def _elapsed_ms(self, started: float) -> float:
        """Wall time of predict, score and learn; the diagnostics of a clip are never in it."""
        if self.job.device != "cpu":
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - started)

    def _report_divergence(self, place: Place, t: int) -> None:
        """Say once that the run has collapsed; it goes on, and its losses are recorded as NaN."""
        if not self.diverged:
            print(
                f"warning: {self.job.name}, clip {place.k}, transition {t}: the prediction is not "
                "finite; a lower rate in adaptation.methods may help",
                file=sys.stderr,
                flush=True,
            )
        self.diverged = True

    @torch.no_grad()
    def probe(self, k: int, phase: str) -> None:
        """Score held-out clips from the state as it stands; the state must not change.

        A run whose state and parameters are those of its last probe repeats its numbers.
        """
        start = self._start_clip()
        before = digest(start, self.predictor)
        if before != self._probed[0]:
            means = {d: self._probe_domain(start, data) for d, data in self.job.probes.items()}
            self._probed = (before, means)
            if digest(start, self.predictor) != before:
                raise StreamError(f"{self.job.name}: the probe after clip {k} changed the stream")
        for domain, means in self._probed[1].items():
            self.records.add_probe(k, phase, domain, means)

    def _probe_domain(self, start: State, data: ClipDataset) -> dict[str, tuple[float, float]]:
        """Ratio of sums over clips and transitions: mean loss and persistence per region."""
        totals = {region: np.zeros(3) for region in REGIONS}
        for index in range(len(data)):
            clip = read_clip(data, index, self.job.device)
            inputs = clip.latents[:, :TRANSITIONS], clip.actions[:, :TRANSITIONS]
            predictions, _ = self.predictor.predict(start, *inputs)
            truth = clip.latents[:, 1 : TRANSITIONS + 1]
            loss, still = token_error(predictions, truth)[0], token_error(inputs[0], truth)[0]
            for region, chosen in region_masks(clip.mask_next[:TRANSITIONS]).items():
                sums = float(loss[chosen].sum()), float(still[chosen].sum())
                totals[region] += (*sums, int(chosen.sum()))
        return {name: (loss / n, still / n) for name, (loss, still, n) in totals.items()}


def score_transition(prediction: Float[Tensor, "1 1 P D"], clip: Clip, t: int) -> Score:
    """Errors of one online prediction and of persistence, on the object of z_t or z_{t+1}."""
    truth = clip.latents[:, t + 1 : t + 2]
    still = clip.latents[:, t : t + 1]
    return Score(
        token_error(prediction.detach(), truth)[0],
        token_error(still, truth)[0],
        clip.mask_next[t : t + 1],
    )
