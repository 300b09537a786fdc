"""Phase A of a HOPE block: the self-modifying Titan memory that stands in for attention.

One step of latent video is one write (Behrouz et al. 2025, section 8.1, eq. 83-91). q is the only
projection that is not adaptive; k, v, eta and alpha come from memories that the same step writes,
each towards its own self-generated target (x: tokens of a step, rows i):

    q = l2(rope(Wq x))      k~ = l2(M_k(Wk x))      k = rope(k~)      v = l2(M_v(Wv x))
    eta_i = sigmoid(We x_i + M_eta(Wk x_i))
    alpha = sigmoid(mean_i(Wa x_i + M_alpha(Wk x_i)))
    targets by the state before the step: l2(M(v)), for the scalars tanh(M(v))
    w_i = s eta_i g_i,      g_i = gate of the surprise |M_memory(k_i) - target_i|^2
    M_memory is written at k with w; M_k, M_v, M_eta, M_alpha at k~ with self_write * w
    y = Wo rmsnorm(M_memory(q)), after the write

Three departures from the paper: the step is read *after* it is written (otherwise the action of a
step cannot reach its patches), v and the targets are L2-normalised as q and k are, and the rule is
the proximal form of memory.py. `read` and `write` switch the first and the last back.
Equations and a figure of one write: docs/method.md, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.hope.memory import Memory, Pairs, openness, surprise, unit
from hopeworld.models.hope.mixing import LocalMixing
from hopeworld.models.hope.trace import Diary, Write
from hopeworld.models.linear import Linear
from hopeworld.models.rotary import Tables, rotate
from hopeworld.settings import Hope

PROJECTIONS = ("k", "v")
SCALARS = ("eta", "alpha")


@dataclass(frozen=True)
class TitanState:
    """What a Titan layer has learnt and the steps its convolution still needs; per sample.

    memory: Delta of M_memory.   slow: Delta of M_k and M_v, as far as they are adaptive.
    gates: Delta of the linear memories of eta and alpha.   recent: the last three steps, mixed in
        the frame and not yet in time.
    """

    memory: Float[Tensor, "1 B H d f"]
    slow: Float[Tensor, "n B H d h"]
    gates: Float[Tensor, "m B H r d"]
    recent: Float[Tensor, "B 3 P C"]


@dataclass(frozen=True)
class Step:
    """What does not depend on the state: Wq x, Wk x and Wv x; We x and Wa x; the angles."""

    projected: Float[Tensor, "3 B H S d"]
    scalars: Float[Tensor, "2 B H S"]
    rotation: Tables


@dataclass(frozen=True)
class Content:
    """What one step has to say, by the state before it."""

    key: Float[Tensor, "1 B H S d"]
    plain_key: Float[Tensor, "1 B H S d"]
    target: Float[Tensor, "1 B H S d"]
    slow_targets: Float[Tensor, "n B H S d"]
    gate_targets: Float[Tensor, "m B H S r"]
    rate: Float[Tensor, "B H S"]
    retention: Float[Tensor, "B H"]


class Titan(nn.Module):
    """x -> Wo rmsnorm(M(q)), M after, or before, it has learnt this step's (k, v) pairs."""

    def __init__(self, settings: Hope, grid: tuple[int, int], generator: torch.Generator):
        super().__init__()
        self.settings = settings
        width, heads = settings.width, settings.heads
        d = width // heads
        hidden = round(settings.memory_ratio * d)
        self.adaptive = [i for i, name in enumerate(PROJECTIONS) if name in settings.adaptive]
        self.learnt = [i for i, name in enumerate(SCALARS) if name in settings.adaptive]
        self.mixing = LocalMixing(width, grid) if settings.local_mixing else None
        self.project = Linear(width, 3 * width, bias=False)
        self.gate = Linear(width, 2 * heads)
        self.out = Linear(width, width)
        self.norm = nn.RMSNorm(d, eps=1e-6)
        mlp = hidden if settings.mixer == "titan" else None
        self.memory = Memory(1, heads, (d, d), mlp, settings.feature_norm)
        self.slow = Memory(len(self.adaptive), heads, (d, d), hidden, settings.feature_norm)
        self.gates = Memory(min(len(self.learnt), 1), heads, (len(self.learnt), d), None)
        self.threshold = nn.Parameter(torch.full((heads,), -1.0))
        self.log_scale = nn.Parameter(torch.zeros(heads))
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator) -> None:
        """W2 ~ N(0, 1) on unit keys; W_0 of `memory` std 0.02, of k and v 0: plain projections."""
        for linear in (self.project, self.out):
            nn.init.normal_(linear.weight, std=0.02, generator=generator)
        nn.init.zeros_(self.out.bias)
        nn.init.zeros_(self.gate.weight)
        with torch.no_grad():
            self.gate.bias.view(2, -1).copy_(torch.tensor([[0.0], [4.0]]))
            for memory in (self.memory, self.slow):
                if memory.inner is not None:
                    memory.inner.normal_(generator=generator)
            self.memory.outer.normal_(std=0.02, generator=generator)
            self.gates.outer.normal_(std=0.02, generator=generator)

    def initial(self, batch: int, patches: int) -> TitanState:
        """Every Delta zero: the memories answer with their meta-learned weights."""
        recent = self.project.weight.new_zeros(batch, 3, patches, self.settings.width)
        memories = (memory.initial(batch) for memory in (self.memory, self.slow, self.gates))
        return TitanState(*memories, recent)

    def new_clip(self, state: TitanState) -> TitanState:
        """Zero the convolution's cache; the memories stay."""
        return replace(state, recent=torch.zeros_like(state.recent))

    def forward(
        self,
        x: Float[Tensor, "B t S C"],
        tables: Tables,
        state: TitanState,
        diary: Diary | None = None,
    ) -> tuple[Float[Tensor, "B t S C"], TitanState]:
        """Write and read the new steps in order."""
        if self.mixing is not None:
            x, recent = self.mixing(x, state.recent)
            state = replace(state, recent=recent)
        read = []
        for step in self._steps(x, tables):
            before = state.memory
            state = self._write(step, state, diary) if self.settings.writes else state
            used = before if self.settings.read == "before" else state.memory
            read.append(self._read(step, used))
        heads = self.norm(torch.stack(read, 1).to(x.dtype))
        return self.out(rearrange(heads, "b t h s d -> b t s (h d)")), state

    def _steps(self, x: Float[Tensor, "B t S C"], tables: Tables) -> Iterator[Step]:
        """The new steps one by one: small tensors stay in the cache, forward and backward."""
        heads = self.settings.heads
        projected = rearrange(self.project(x), "b t s (n h d) -> t n b h s d", n=3, h=heads)
        scalars = rearrange(self.gate(x), "b t s (n h) -> t n b h s", n=2)
        steps = zip(projected.unbind(0), scalars.unbind(0), zip(*tables, strict=True), strict=True)
        return (Step(*step) for step in steps)

    def _read(self, step: Step, delta: Tensor) -> Float[Tensor, "B H S d"]:
        """M_memory(q)."""
        query = unit(rotate(step.projected[:1], step.rotation))
        return self._recall(self.memory, query, delta)[0]

    def _write(self, step: Step, state: TitanState, diary: Diary | None) -> TitanState:
        """One write of every memory; `memory` at full strength, the others slowly."""
        content = self._content(step, state)
        phi, error = self._missing(self.memory, content.key, content.target)
        surprised = surprise(phi, error, state.memory)[0]
        gate = openness(surprised, self.threshold, self.settings.gate)
        gate = gate.detach() if self.settings.first_order else gate
        weight = self.log_scale.exp()[:, None] * content.rate * gate
        low, kept = self.settings.self_write * weight, content.retention
        fast = Pairs(phi, error, weight, kept)
        slow = Pairs(*self._missing(self.slow, content.plain_key, content.slow_targets), low, kept)
        gates = Pairs(
            *self._missing(self.gates, content.plain_key, content.gate_targets), low, kept
        )
        rule = self.settings.write
        written = replace(
            state,
            memory=self.memory.write(rule, state.memory, fast),
            slow=self.slow.write(rule, state.slow, slow),
            gates=self.gates.write(rule, state.gates, gates),
        )
        if diary is not None:
            diary.note_write(
                self, Write(fast, slow, gates, content.rate, surprised, gate), state, written
            )
        return written

    def _missing(self, memory: Memory, key: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the keys, and targets minus what the initial memory answers.

        A first-order write has no gradient through keys, features and targets.
        """
        if self.settings.first_order:
            key, target = key.detach(), target.detach()
        phi = memory.features(key)
        phi = phi.detach() if self.settings.first_order else phi
        return phi, target - memory.recall(key, phi, None)

    def _content(self, step: Step, state: TitanState) -> Content:
        """k, v, eta, alpha and the self-generated targets."""
        key, value = unit(self._adapted(step, state.slow))[:, None]
        rate, keep = self._scalars(step, state.gates)
        target, slow_targets = value, value.expand(len(state.slow), *value.shape[1:])
        if self.settings.self_target:
            target = unit(self._recall(self.memory, value, state.memory))
            slow_targets = unit(self._recall(self.slow, value, state.slow))
        return Content(
            key=rotate(key, step.rotation),
            plain_key=key,
            target=target,
            slow_targets=slow_targets,
            gate_targets=torch.tanh(self._recall(self.gates, value, state.gates)),
            rate=torch.sigmoid(rate),
            retention=torch.sigmoid(keep.mean(-1)),
        )

    def _adapted(self, step: Step, delta: Tensor) -> Float[Tensor, "2 B H S d"]:
        """M_k(Wk x) and M_v(Wv x), or the projection itself where it is not adaptive."""
        parts = list(step.projected.unbind(0)[1:])
        if self.adaptive:
            plain = torch.stack([parts[row] for row in self.adaptive])
            answers = self._recall(self.slow, plain, delta)
            for row, answer in zip(self.adaptive, answers, strict=True):
                parts[row] = answer
        return torch.stack(parts)

    def _scalars(self, step: Step, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Eta and alpha before their sigmoid, [B, H, S] each."""
        answers = list(step.scalars)
        for learnt in self._recall(self.gates, step.projected[1:2], delta):
            for row, answer in zip(self.learnt, learnt.unbind(-1), strict=True):
                answers[row] = answers[row] + answer
        rate, keep = answers
        return rate, keep if self.settings.retention else torch.full_like(keep, torch.inf)

    def _recall(self, memory: Memory, x: Float[Tensor, "1 B H S d"], delta: Tensor) -> Tensor:
        return memory.recall(x, memory.features(x), delta)
