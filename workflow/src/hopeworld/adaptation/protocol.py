"""A stream as a fold over clips: predict, score, observe. The order is the contract.

    for clip k:   at a change of phase: reset, if the policy knows of it
                  one free rollout, H = 1 ... 7, on a copy of the state that the clip starts with
      for t:      predict z_{t+1} from what has been seen and a_t
                  --- z_{t+1} is observed ---
                  score (object / background / all), persistence            before any update
                  learn: CMS look-back step of HOPE, TTA step
                  forget the clip and what is pending; reset, if the policy says so
      at probe points: score held-out clips of both domains; in-clip writes on, TTA and CMS
                  updates off, every clip from the stream's state, which stays as it was (checked by
                  its hash)

The rollout is scored at the start of its clip, so that no number is scored after learning from it.
The orders of a job are streams that run side by side, as rows of one batch.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from hopeworld.adaptation.clips import Clips, StreamError, read_clips
from hopeworld.adaptation.job import StreamJob
from hopeworld.adaptation.learner import Learner, Update
from hopeworld.adaptation.probes import Means, Probes
from hopeworld.adaptation.records import Place, Records, Score
from hopeworld.adaptation.resets import Resets
from hopeworld.models.objective import TRANSITIONS, rollout_mask, token_error
from hopeworld.models.predictor import Predictor, State, Trace
from hopeworld.probing.decoder import Decoder
from hopeworld.progress import silent


class Stream:
    """A learner on its way through the streams of some orders, with the rows so far.

    predictor: as trained; changed in place.
    """

    def __init__(
        self,
        job: StreamJob,
        predictor: Predictor,
        orders: tuple[int, ...],
        probes: Probes,
        decoder: Decoder | None = None,
    ):
        self.job, self.orders, self.decoder = job, orders, decoder
        self.resets = Resets(predictor, job.method, job.settings, len(orders))
        self.learner = Learner(predictor, job.method, job.settings, len(orders))
        self.records = [Records(job.run(order)) for order in orders]
        self.stops = job.stops(orders)
        self._probes = probes
        self._probed: tuple[str, list[dict[str, Means]]] = ("", [])
        self._diverged: set[int] = set()

    def play_next(self, k: int) -> None:
        """Clip k of every stream."""
        stop = self.stops[k]
        is_change = k > 0 and self.stops[k - 1].phase != stop.phase
        if self.resets.before(is_change):
            self.learner.reset()
        clips = read_clips(stop.data, stop.positions, self.job.device)
        losses = self.play(k, stop.phase, clips)
        self.learner.end_clip()
        due = self.resets.after(k, clips, losses)
        if due:
            self.learner.reset(due)

    def play(self, k: int, phase: str, clips: Clips) -> Float[Tensor, "S"]:
        """Rollout, then predict, score and learn along the transitions; mean loss by stream."""
        places = [Place(k, phase, clip) for clip in clips.clip]
        rolled = self._rollout(places, clips)
        traces: list[Trace] = [{} for _ in places] if self._is_diagnosed(k) else []
        online = [self._transition(places, t, clips, traces) for t in range(TRANSITIONS)]
        for records, place, trace in zip(self.records, places, traces, strict=False):
            records.add_trace(place, trace)
        predictions = torch.cat([prediction for prediction, _ in online], 1)
        self._add_centres(places, clips, {"online": predictions, "rollout": rolled})
        return torch.stack([loss for _, loss in online]).mean(0)

    def _is_diagnosed(self, k: int) -> bool:
        """Whether the memories of clip k are noted; only where there are any."""
        return self.learner.state_scalars > 0 and k % self.job.settings.diagnose_every == 0

    def _rollout(self, places: list[Place], clips: Clips) -> Float[Tensor, "S 7 P D"]:
        first, truth = clips.latents[:, :1], clips.latents[:, 1 : TRANSITIONS + 1]
        predictions = self.learner.rollout(first, clips.actions, TRANSITIONS)
        mask = rollout_mask(clips.mask_now, TRANSITIONS)
        still = token_error(first.expand_as(truth), truth)
        scores = _by_stream(token_error(predictions, truth), still, mask)
        for records, place, score in zip(self.records, places, scores, strict=True):
            records.add_rollout(place, score)
        return predictions

    def _transition(
        self, places: list[Place], t: int, clips: Clips, traces: list[Trace]
    ) -> tuple[Float[Tensor, "S 1 P D"], Float[Tensor, "S"]]:
        """Predict, observe, score, learn; the prediction, and the mean loss of every stream."""
        inputs = clips.latents[:, t : t + 1], clips.actions[:, t : t + 1]
        truth = clips.latents[:, t + 1 : t + 2]
        for stream, trace in enumerate(traces):
            self.learner.diagnose(stream, *inputs, trace)
        before, started = self.learner.state, time.perf_counter()
        prediction = self.learner.predict(*inputs)
        # --- z_{t+1} is observed ---
        scores = _by_stream(
            token_error(prediction, truth),
            token_error(inputs[0], truth),
            clips.mask_next[:, t : t + 1],
        )
        if traces and t == 0:
            self._note_carry(places, scores, clips)
        updates = self.learner.learn(truth[:, 0])
        time_ms = math.nan if traces else self._elapsed_ms(started)
        if traces and t == TRANSITIONS - 1:
            self._note_lesson(places, scores, clips, before)
        self._add_transition(places, t, scores, updates, time_ms)
        return prediction, torch.stack([score.loss.mean() for score in scores]).double()

    def _add_transition(
        self,
        places: list[Place],
        t: int,
        scores: list[Score],
        updates: list[Update],
        time_ms: float,
    ) -> None:
        drifts = self.learner.drift()
        for stream, (place, score) in enumerate(zip(places, scores, strict=True)):
            if not torch.isfinite(score.loss).all():
                self._report_divergence(place, t, stream)
            measured = {"drift": drifts[stream], "time_ms": time_ms}
            self.records[stream].add_transition(place, t, score, updates[stream], measured)

    def _note_carry(self, places: list[Place], scores: list[Score], clips: Clips) -> None:
        """carry_benefit: object loss of the first transition from initial(), minus as carried."""
        initial = self.learner.predictor.initial(len(places))
        fresh = self._errors_from(initial, 0, clips)
        for records, place, score, loss in zip(self.records, places, scores, fresh, strict=True):
            benefit = (loss - score.loss)[score.mask].mean()
            records.add_note(place, 0, "state", "carry_benefit", benefit)

    def _note_lesson(
        self, places: list[Place], scores: list[Score], clips: Clips, before: State
    ) -> None:
        """loss_before, loss_after: of the last transition, and with all that it has taught."""
        if not self.job.method.look_back_rate or self.job.settings.delay_steps:
            return
        t = TRANSITIONS - 1
        taught = self.learner.predictor.taught(before, self.learner.state)
        again = self._errors_from(taught, t, clips)
        for records, place, score, loss in zip(self.records, places, scores, again, strict=True):
            if torch.isfinite(score.loss).all():
                records.add_note(place, t, "cms", "loss_before", score.loss.mean())
                records.add_note(place, t, "cms", "loss_after", loss.mean())

    def _errors_from(self, state: State, t: int, clips: Clips) -> Float[Tensor, "S 1 P"]:
        inputs = clips.latents[:, t : t + 1], clips.actions[:, t : t + 1]
        prediction = self.learner.predict_from(state, *inputs)
        return token_error(prediction, clips.latents[:, t + 1 : t + 2]).cpu()

    def _elapsed_ms(self, started: float) -> float:
        """Wall time of predict, score and learn, an equal share for every stream."""
        if self.job.device != "cpu":
            torch.cuda.synchronize(self.job.device)
        return 1e3 * (time.perf_counter() - started) / len(self.orders)

    def _report_divergence(self, place: Place, t: int, stream: int) -> None:
        """Say once that a stream has collapsed; it goes on, and its losses are recorded as NaN."""
        if stream not in self._diverged:
            print(
                f"{self.records[stream].run['run']}, clip {place.k}, transition {t}: the "
                "prediction is not finite; a lower rate in adaptation.methods may help",
                file=sys.stderr,
                flush=True,
            )
        self._diverged.add(stream)

    @torch.no_grad()
    def _add_centres(
        self, places: list[Place], clips: Clips, predictions: dict[str, Tensor]
    ) -> None:
        """Where the probe sees the object, in the true latents and in the predictions."""
        if self.decoder is None:
            return
        true, start = clips.centre[:, 1 : TRANSITIONS + 1], clips.centre[:, :1]
        decoded = self.decoder(clips.latents[:, 1 : TRANSITIONS + 1]).cpu().numpy()
        for kind, latents in predictions.items():
            predicted = self.decoder(latents).cpu().numpy()
            for s, (records, place) in enumerate(zip(self.records, places, strict=True)):
                starts = start[s].repeat(TRANSITIONS, 0)
                records.add_centres(place, kind, (starts, true[s], decoded[s], predicted[s]))

    def probe(self, k: int, phase: str, tell: Callable[[str], None] = silent) -> None:
        """Score held-out clips from what is learnt after k clips, which must not change.

        Streams whose learner is that of the last probe point repeat its numbers. `tell` hears how
        far this is.
        """
        if not self.job.probes:
            return
        before = self.learner.digest()
        if before != self._probed[0]:
            self._probed = (before, self._probes.score(self.learner, tell))
            if self.learner.digest() != before:
                raise StreamError(f"{self.job.label}: the probe after clip {k} changed the stream")
        for records, by_domain in zip(self.records, self._probed[1], strict=True):
            for domain, means in by_domain.items():
                records.add_probe(k, phase, domain, means)

    def ends_phase(self, k: int) -> bool:
        """Whether clip k is the last of its phase."""
        return k + 1 == len(self.stops) or self.stops[k + 1].phase != self.stops[k].phase


def _by_stream(loss: Tensor, persistence: Tensor, mask: Tensor) -> list[Score]:
    """Scores of every stream on the CPU, from [S, t, P] each."""
    return [Score(*parts) for parts in zip(loss.cpu(), persistence.cpu(), mask, strict=True)]
