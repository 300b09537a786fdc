"""A Titan layer once more, one sample, head and token at a time: the slow truth of the tests.

Behrouz et al. 2025, "Nested Learning", eq. 83-91, from the memories and rules of reference.py, with
mixing and rotary positions of its own. Parameters go by the names of `Titan.state_dict()`.
Axes: B batch, T steps, S tokens of a step (the action, then P patches), C width, d head width,
f features and h hidden width of a memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hopeworld.models.hope.reference import Cell, unit, write
from hopeworld.settings import Hope

ETA, ALPHA = "eta", "alpha"
# Delta of the memories of one head of one sample: `memory` and the adaptive of k, v, eta, alpha.
State = dict[str, Float[Tensor, "r f"]]


@dataclass(frozen=True)
class Step:
    """k, unrotated k, v, eta of every token of a step, and its alpha, from the state before it."""

    key: Float[Tensor, "S d"]
    plain_key: Float[Tensor, "S d"]
    value: Float[Tensor, "S d"]
    eta: Float[Tensor, "S"]
    alpha: Float[Tensor, ""]


@dataclass(frozen=True)
class Layer:
    """Phase A of a block; `parameters` as `Titan.state_dict()` names them."""

    parameters: dict[str, Tensor]
    settings: Hope
    grid: tuple[int, int]

    def run(
        self, x: Float[Tensor, "B T S C"], start: list[list[State]] | None = None
    ) -> tuple[Float[Tensor, "B T S C"], list[list[State]]]:
        """Outputs of a clip and the states [sample][head] after it; `start` None: Delta = 0."""
        outputs, states = [], []
        for sample, clip in enumerate(x):
            heads = range(self.settings.heads)
            state = start[sample] if start else [self.initial(head) for head in heads]
            if self.settings.local_mixing:
                clip = self.mix(clip)
            answers = []
            for time, tokens in enumerate(clip):
                steps = [self.step(h, state[h], time, tokens) for h in heads]
                answers.append(torch.cat([read for read, _ in steps], -1))
                state = [new for _, new in steps]
            read = torch.stack(answers)
            outputs.append(read @ self.parameters["out.weight"].T + self.parameters["out.bias"])
            states.append(state)
        return torch.stack(outputs), states

    def initial(self, head: int) -> State:
        """Delta = 0."""
        return {name: torch.zeros_like(outer) for name, (outer, _) in self.weights(head).items()}

    def weights(self, head: int) -> dict[str, tuple[Tensor, Tensor | None]]:
        """W and W2 (None: linear) of the memories of a head; eta and alpha are rows of one W."""
        p, names = self.parameters, self.settings.adaptive
        inner = None if self.settings.mixer == "linear" else p["memory.inner"][0, head]
        weights = {"memory": (p["memory.outer"][0, head], inner)}
        for n, name in enumerate(name for name in ("k", "v") if name in names):
            weights[name] = p["slow.outer"][n, head], p["slow.inner"][n, head]
        for row, name in enumerate(name for name in (ETA, ALPHA) if name in names):
            weights[name] = p["gates.outer"][0, head, row : row + 1], None
        return weights

    def cells(self, head: int, state: State) -> dict[str, Cell]:
        """The memories of a head as they stand."""
        return {
            name: Cell(outer, state[name], inner, self.settings.feature_norm)
            for name, (outer, inner) in self.weights(head).items()
        }

    def step(
        self, head: int, state: State, time: int, tokens: Float[Tensor, "S C"]
    ) -> tuple[Float[Tensor, "S d"], State]:
        """Write the step, then read it (or the other way round): y_t = M(q_t), eq. 83-88."""
        written = self.write(head, state, self.project(head, state, time, tokens))
        seen = written if self.settings.read == "after" else state
        memory = self.cells(head, seen)["memory"]
        reads = []
        for place, token in enumerate(tokens):
            query = unit(self.rotate(self.linear("q", head) @ token, time, place))
            answer = memory(query)
            scale = torch.sqrt((answer**2).mean() + 1e-6)
            reads.append(self.parameters["norm.weight"] * answer / scale)
        return torch.stack(reads), written

    def linear(self, name: str, head: int) -> Float[Tensor, "d C"]:
        """Wq, Wk or Wv of a head."""
        width = self.settings.width // self.settings.heads
        first = ("q", "k", "v").index(name) * self.settings.width + head * width
        return self.parameters["project.weight"][first : first + width]

    def project(self, head: int, state: State, time: int, tokens: Float[Tensor, "S C"]) -> Step:
        """k = M_k(x), v = M_v(x), eta and alpha, by the memories before the step (eq. 84-85)."""
        cells = self.cells(head, state)
        keys, plain_keys, values, eta, alpha = [], [], [], [], []
        for place, token in enumerate(tokens):
            raw = {name: self.linear(name, head) @ token for name in ("k", "v")}
            key, value = (unit(cells[n](raw[n]) if n in cells else raw[n]) for n in ("k", "v"))
            plain_keys.append(key)
            keys.append(self.rotate(key, time, place))
            values.append(value)
            shift = {n: cells[n](raw["k"])[0] if n in cells else 0.0 for n in (ETA, ALPHA)}
            eta.append(self.scalar(ETA, head, token) + shift[ETA])
            alpha.append(self.scalar(ALPHA, head, token) + shift[ALPHA])
        retention = torch.sigmoid(torch.stack(alpha).mean())
        return Step(
            key=torch.stack(keys),
            plain_key=torch.stack(plain_keys),
            value=torch.stack(values),
            eta=torch.sigmoid(torch.stack(eta)),
            alpha=retention if self.settings.retention else torch.ones_like(retention),
        )

    def scalar(self, name: str, head: int, token: Float[Tensor, "C"]) -> Float[Tensor, ""]:
        """What is not adaptive of eta and alpha, before their sigmoid."""
        row = (ETA, ALPHA).index(name) * self.settings.heads + head
        return self.parameters["gate.weight"][row] @ token + self.parameters["gate.bias"][row]

    def write(self, head: int, state: State, step: Step) -> State:
        """Every memory learns its own self-generated target v-hat = M(v): eq. 87-88."""
        if not self.settings.writes:
            return state
        cells = self.cells(head, state)
        targets = {name: self.targets(name, cell, step.value) for name, cell in cells.items()}
        gate = self.gate(head, cells["memory"], step.key, targets["memory"])
        strength = self.parameters["log_scale"][head].exp() * step.eta * gate
        slow = self.settings.self_write * strength
        new = {}
        for name, cell in cells.items():
            keys, weights = (step.key, strength) if name == "memory" else (step.plain_key, slow)
            pairs = keys, targets[name]
            if self.settings.first_order:
                inner = None if cell.inner is None else cell.inner.detach()
                cell, pairs = replace(cell, inner=inner), tuple(part.detach() for part in pairs)
            new[name] = write(self.settings.write, cell, *pairs, weights, step.alpha)
        return new

    def targets(self, name: str, cell: Cell, values: Float[Tensor, "S d"]) -> Float[Tensor, "S r"]:
        """v-hat: tanh of the answer of M_eta, M_alpha; of the others, unit answers, or v itself."""
        if name in (ETA, ALPHA):
            return torch.stack([torch.tanh(cell(value)) for value in values])
        if not self.settings.self_target:
            return values
        return torch.stack([unit(cell(value)) for value in values])

    def gate(
        self, head: int, memory: Cell, keys: Float[Tensor, "S d"], targets: Float[Tensor, "S d"]
    ) -> Float[Tensor, "S"]:
        """g_i from the surprise r_i = |M(k_i) - v-hat_i|^2 of the memory before the write."""
        opened = []
        for key, target in zip(keys, targets, strict=True):
            surprise = ((memory(key) - target) ** 2).sum()
            excess = 0.5 * torch.log(surprise + 1e-6) - self.parameters["threshold"][head]
            soft, hard = torch.sigmoid(excess / 0.25), (excess > 0).to(excess.dtype)
            opened.append({"soft": soft, "hard": hard, "off": torch.ones_like(excess)})
        gate = torch.stack([each[self.settings.gate] for each in opened])
        return gate.detach() if self.settings.first_order else gate

    def mix(self, clip: Float[Tensor, "T S C"]) -> Float[Tensor, "T S C"]:
        """3x3 neighbours in the frame, then the same place in this step and the three before."""
        space, weights = self.parameters["mixing.space"][:, 0], self.parameters["mixing.time"]
        rows, columns = self.grid
        frames = []
        for step in clip:
            frame = []
            for row in range(rows):
                for column in range(columns):
                    near = torch.zeros_like(step[0])
                    for down in (-1, 0, 1):
                        for right in (-1, 0, 1):
                            if 0 <= row + down < rows and 0 <= column + right < columns:
                                place = 1 + (row + down) * columns + column + right
                                near = near + space[:, down + 1, right + 1] * step[place]
                    frame.append(near)
            frames.append(torch.stack(frame))
        mixed = []
        for time in range(len(clip)):
            past = [weights[back] * frames[time - back] for back in range(min(time, 3) + 1)]
            mixed.append(torch.cat((clip[time][:1], sum(past))))
        return torch.stack(mixed)

    def rotate(self, x: Float[Tensor, "d"], time: int, place: int) -> Float[Tensor, "d"]:
        """Rotary position: a third of the pairs each for time, row and column, the rest stays."""
        if self.settings.rope == "off":
            return x
        rows, columns = self.grid
        row, column = divmod(place - 1, columns)
        positions = [time, row, column * rows / columns] if place else [time]
        pairs = len(x) // 3 // 2
        turned = list(x)
        for axis, position in enumerate(positions):
            for channel in range(2 * pairs):
                index = channel % pairs if self.settings.rope == "meta" else channel // 2
                angle = position * 10000.0 ** (-index / pairs)
                here = 2 * pairs * axis + channel
                partner = x[here - 1] if channel % 2 else -x[here + 1]
                turned[here] = x[here] * math.cos(angle) + partner * math.sin(angle)
        return torch.stack(turned)
