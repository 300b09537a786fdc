"""A predictor on its way through a stream, and all that it learns there.

    predict   z_{t+1} from what has been seen and a_t
    learn     once z_{t+1} is observed: CMS look-back, then one TTA step, both on transition t - d

TTA is one Adam step on the mean L1 of prediction and observation, its gradient clipped. With a
delay d > 0 the prediction of transition t - d is made again, from the state that was kept before it
and with what has been learnt since. S streams run side by side as one batch; each has its own
parameters, optimiser and rows of the state, and learns from its own loss.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.adaptation.adapted import Parameters, declare_adapted, one_stream
from hopeworld.adaptation.contestants import load_contestant
from hopeworld.adaptation.rows import Rows
from hopeworld.models.predictor import Predictor, State, Trace
from hopeworld.models.state import digest, flatten, unflatten
from hopeworld.settings import Adaptation, Method
from hopeworld.state_files import describe, read_state, write_state


@dataclass(frozen=True)
class Update:
    """One TTA step: gradient norm before clipping (NaN without a step), and whether it clipped."""

    grad_norm: float = math.nan
    clipped: bool = False


@dataclass
class Transition:
    """What a look-back needs: the state before, what was given, what came of it."""

    before: State
    features: Float[Tensor, "S 1 P D"]
    actions: Float[Tensor, "S 1 A"]
    prediction: Float[Tensor, "S P D"] | None
    after: State
    truth: Float[Tensor, "S P D"] | None = None


class Learner:
    """A predictor and what a method changes of it.

    Args:
        predictor: as trained; changed in place: eval mode, gradients only where the method adapts.
        streams: S, how many run side by side.

    Attributes:
        state_scalars: how many numbers of state a stream has between two clips.
        state: of the predictor, batch S; between two clips, what the next one starts with.
        adapted: the adapted parameters of each stream, by their trained name.
    """

    def __init__(
        self, predictor: Predictor, method: Method, settings: Adaptation, streams: int = 1
    ):
        self.predictor, self.method, self.streams = predictor.eval(), method, streams
        self.clip_norm, self.delay = settings.clip_norm, settings.delay_steps
        self.learns = method.look_back_rate > 0 or method.adapt != "none"
        self._origin = describe(predictor)
        self.adapted = declare_adapted(predictor, method.adapt, streams)
        self._trained = [_copies(parameters) for parameters in self.adapted]
        if method.look_back_rate:
            predictor.look_back_rate = method.look_back_rate
        self.rows = Rows(predictor)
        self.state_scalars = _size(predictor.initial(1))
        self._random = torch.get_rng_state()
        self._past: list[Transition] = []
        self.optimisers: list[torch.optim.Adam | None] = [None] * streams
        self.reset()

    def reset(self, streams: Collection[int] | None = None) -> None:
        """Back to the trained start in everything; of some streams, or of all.

        Parameters, optimiser and memory; the random state too, though nothing here draws.
        """
        chosen = range(self.streams) if streams is None else streams
        for stream in chosen:
            _write(self.adapted[stream], self._trained[stream])
            self.optimisers[stream] = self._new_optimiser(self.adapted[stream])
        self.state = self._restart(chosen)
        self._past.clear()
        torch.set_rng_state(self._random)

    def _restart(self, chosen: Collection[int]) -> State:
        initial = self.predictor.initial(self.streams)
        if len(chosen) == self.streams:
            return initial
        mask = torch.tensor([stream in chosen for stream in range(self.streams)])
        return self.rows.choose(mask, initial, self.state)

    def _new_optimiser(self, adapted: Parameters) -> torch.optim.Adam | None:
        return torch.optim.Adam(adapted.values(), lr=self.method.learning_rate) if adapted else None

    def predict(
        self, features: Float[Tensor, "S 1 P D"], actions: Float[Tensor, "S 1 A"]
    ) -> Float[Tensor, "S 1 P D"]:
        """The next latent; the transition is kept to learn from."""
        with torch.set_grad_enabled(self.learns and self.delay == 0):
            prediction, after = self.predictor.predict(self.state, features, actions)
        self._past.append(Transition(self.state, features, actions, prediction[:, -1], after))
        return prediction.detach()

    def learn(self, truth: Float[Tensor, "S P D"]) -> list[Update]:
        """Learn from what is observed after the last prediction; the update of every stream.

        A stream whose prediction is not finite learns nothing from it; the others do.
        """
        state = self._past[-1].after
        self._past[-1].truth = truth
        lesson = self._lesson()
        updates = [Update()] * self.streams
        if lesson is not None:
            alive = torch.isfinite(lesson.prediction.detach()).flatten(1).all(1).cpu()
            state = self._look_back(state, lesson, alive)
            updates = self._adapt(lesson, alive)
        self._past[-1].prediction = None
        self._past[-1].after = None
        self.state = self.predictor.refresh(self.predictor.detach(state))
        return updates

    def _lesson(self) -> Transition | None:
        """Transition t - d with a graph; none before there is one, and for who does not learn."""
        if not self.learns or len(self._past) <= self.delay:
            return None
        if self.delay == 0:
            return self._past[-1]
        old = self._past[-1 - self.delay]
        with torch.enable_grad():
            before = self.predictor.taught(old.before, self._past[-1].after)
            before = self.predictor.refresh(before)
            prediction, after = self.predictor.predict(before, old.features, old.actions)
        return Transition(before, old.features, old.actions, prediction[:, -1], after, old.truth)

    def _look_back(self, state: State, lesson: Transition, alive: Tensor) -> State:
        """`state` with the CMS deltas that the lesson has taught."""
        if not self.method.look_back_rate or not alive.any():
            return state
        observed = self.predictor.observe(lesson.after, lesson.prediction, lesson.truth)
        taught = self.predictor.taught(state, observed)
        return taught if alive.all() else self.rows.choose(alive, taught, state)

    def _adapt(self, lesson: Transition, alive: Tensor) -> list[Update]:
        """One Adam step of every stream on its own mean L1."""
        if self.method.adapt == "none" or not alive.any():
            return [Update()] * self.streams
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        error = (lesson.prediction - lesson.truth).abs().flatten(1).mean(1)
        error[alive.to(error.device)].sum().backward()
        return [self._step(s) if alive[s] else Update() for s in range(self.streams)]

    def _step(self, stream: int) -> Update:
        norm = nn.utils.clip_grad_norm_(self.adapted[stream].values(), self.clip_norm)
        self.optimisers[stream].step()
        return Update(float(norm), float(norm) > self.clip_norm)

    def end_clip(self) -> None:
        """Forget the clip and what was pending; what is carried stays."""
        self._past.clear()
        self.state = self.predictor.new_clip(self.state)

    @torch.no_grad()
    def rollout(
        self, first: Float[Tensor, "S 1 P D"], actions: Float[Tensor, "S h A"], horizon: int
    ) -> Float[Tensor, "S h P D"]:
        """Free prediction from the state as it is, which stays as it is."""
        return self.predictor.rollout(self.state, first, actions, horizon)

    @torch.no_grad()
    def forecast(
        self, features: Float[Tensor, "n t P D"], actions: Float[Tensor, "n t A"]
    ) -> Float[Tensor, "S n t P D"]:
        """Predictions along n clips, each from the state as it is; nothing is learnt."""
        count, inputs = len(features), (features, actions)
        if self.streams > 1:
            inputs = [part.repeat(self.streams, *[1] * (part.ndim - 1)) for part in inputs]
        start = self.rows.repeat(self.state, count)
        predictions, _ = self.predictor.predict(start, *inputs)
        return predictions.unflatten(0, (self.streams, count))

    @torch.no_grad()
    def predict_from(
        self, state: State, features: Float[Tensor, "S 1 P D"], actions: Float[Tensor, "S 1 A"]
    ) -> Float[Tensor, "S 1 P D"]:
        """The prediction from another state; nothing changes."""
        return self.predictor.predict(state, features, actions)[0]

    @torch.no_grad()
    def diagnose(self, stream: int, features: Tensor, actions: Tensor, trace: Trace) -> None:
        """Note in `trace` what the next predict does in the memories of one stream."""
        own = slice(stream, stream + 1)
        state = self.rows.take(self.state, stream)
        with one_stream(self.predictor, stream):
            self.predictor.predict(state, features[own], actions[own], trace)

    @torch.no_grad()
    def drift(self) -> list[float]:
        """Distance of each stream's parameters from the trained ones over their norm; NaN: none."""
        return [_drift(*pair) for pair in zip(self.adapted, self._trained, strict=True)]

    @property
    def adapted_scalars(self) -> int:
        """How many parameters a stream adapts."""
        return sum(parameter.numel() for parameter in self.adapted[0].values())

    def digest(self) -> str:
        """SHA-256 over all that is learnt: parameters, optimisers, memory, random state."""
        hasher = hashlib.sha256(digest(self.state, self.predictor).encode())
        held = tuple(tensor for o in self.optimisers if o for tensor in _optimiser_tensors(o))
        hasher.update(digest((*held, torch.get_rng_state()), nn.Module()).encode())
        return hasher.hexdigest()

    def pack(self) -> dict[str, Any]:
        """Everything, between two clips, as plain containers of tensors and numbers."""
        return {
            "state": flatten(self.state),
            "adapted": [_copies(parameters) for parameters in self.adapted],
            "optimisers": [o.state_dict() if o else None for o in self.optimisers],
            "random": torch.get_rng_state(),
        }

    def unpack(self, packed: dict[str, Any]) -> None:
        """Go on from what `pack` returned."""
        device = self.predictor.action_scale.device
        flat = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in packed["state"].items()}
        self.state = unflatten(self.predictor.initial(self.streams), flat)
        for parameters, values in zip(self.adapted, packed["adapted"], strict=True):
            _write(parameters, values)
        for optimiser, state in zip(self.optimisers, packed["optimisers"], strict=True):
            if optimiser:
                optimiser.load_state_dict(state)
        torch.set_rng_state(packed["random"])

    def save(self, path: Path, stream: int) -> None:
        """Write what one stream has learnt, between two clips; `load_learner` reads it."""
        state = self.rows.take(self.state, stream)
        write_state(path, state, self.adapted[stream], self._origin)


def load_learner(
    weights: Path, method: Method, settings: Adaptation, state: Path | None, device: str
) -> Learner:
    """One stream's learner as trained, or with what it had learnt when it was saved.

    Its optimiser is new. Raises WeightsError, and StateError for a state of other weights.
    """
    predictor = load_contestant(weights, device)
    if method.look_back_rate:
        predictor.look_back_rate = method.look_back_rate
    found = None if state is None else read_state(state, predictor, 1)
    learner = Learner(predictor, method, settings)
    if found is not None:
        learner.state, adapted = found
        _write(learner.adapted[0], adapted)
    return learner


def _copies(parameters: Parameters) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


@torch.no_grad()
def _write(parameters: Parameters, values: dict[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])


def _drift(parameters: Parameters, trained: dict[str, Tensor]) -> float:
    if not parameters:
        return math.nan
    moved = sum(float((p - trained[name]).square().sum()) for name, p in parameters.items())
    return math.sqrt(moved / sum(float(value.square().sum()) for value in trained.values()))


def _size(state: State) -> int:
    leaves = flatten(state).values()
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, Tensor))


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    states = optimiser.state_dict()["state"]
    return [tensor for index in sorted(states) for tensor in states[index].values()]
