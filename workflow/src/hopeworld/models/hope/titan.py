"""Phase A of a HOPE block: the self-modifying Titan memory that stands in for attention.

One step of latent video is one write (Behrouz et al. 2025, section 8.1, eq. 83-91). q is the only
projection that is not adaptive; k, v, eta and alpha come from memories that the same step writes,
each towards its own self-generated target. Three departures from the paper, each measured:
the step is read *after* it is written (otherwise the action of a step cannot reach its patches),
k, q, v and the targets are L2-normalised, and the rule is the proximal form of memory.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.hope.memory import (
    features,
    openness,
    proximal_write,
    recall,
    surprise,
    unit,
)
from hopeworld.models.hope.mixing import LocalMixing
from hopeworld.models.hope.trace import Diary, Write
from hopeworld.models.rotary import Tables, rotate
from hopeworld.settings import Hope

MLP_MEMORIES = ("memory", "k", "v")
GATES = ("eta", "alpha")


@dataclass(frozen=True)
class TitanState:
    """What a Titan layer has learnt and the steps its convolution still needs; per sample.

    delta: Delta of the MLP memories (`memory` first, then the adaptive ones of k, v).
    gates: Delta of the linear memories of eta and alpha.
    recent: the last three mixed steps of this clip.
    """

    delta: Float[Tensor, "M B H d h"]
    gates: Float[Tensor, "B H 2 d"]
    recent: Float[Tensor, "B 3 P C"]


@dataclass(frozen=True)
class Step:
    """What does not depend on the memories' state: projections, and phi of them where adaptive."""

    key: Float[Tensor, "B H S d"]
    value: Float[Tensor, "B H S d"]
    phi: dict[str, Float[Tensor, "B H S h"]]
    gate: Float[Tensor, "2 B H S"]
    rotation: Tables


@dataclass(frozen=True)
class Content:
    """What one step writes: keys, targets and strengths of every memory."""

    keys: Float[Tensor, "M B H S d"]
    targets: Float[Tensor, "M B H S d"]
    gate_keys: Float[Tensor, "B H S d"]
    gate_targets: Float[Tensor, "B H S 2"]
    rate: Float[Tensor, "B H S"]
    retention: Float[Tensor, "B H"]

    def constant(self) -> Content:
        """The same content with keys and targets cut from the graph (first-order writes)."""
        return replace(
            self,
            keys=self.keys.detach(),
            targets=self.targets.detach(),
            gate_keys=self.gate_keys.detach(),
            gate_targets=self.gate_targets.detach(),
        )


class Titan(nn.Module):
    """x -> Wo rmsnorm(M(q)), where M has just learnt this step's (k, v) pairs."""

    def __init__(self, settings: Hope, grid: tuple[int, int], generator: torch.Generator):
        super().__init__()
        self.settings = settings
        width, heads = settings.width, settings.heads
        self.head_width = width // heads
        hidden = round(settings.memory_ratio * self.head_width)
        self.memories = tuple(m for m in MLP_MEMORIES if m == "memory" or m in settings.adaptive)
        self.mixing = LocalMixing(width, grid) if settings.local_mixing else None
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.gate = nn.Linear(width, 2 * heads)
        self.out = nn.Linear(width, width)
        self.norm = nn.RMSNorm(self.head_width, eps=1e-6)
        self.outer = nn.Parameter(torch.zeros(len(self.memories), heads, self.head_width, hidden))
        self.inner = nn.Parameter(torch.empty(len(self.memories), heads, hidden, self.head_width))
        self.gate_memory = nn.Parameter(torch.empty(heads, 2, self.head_width))
        self.threshold = nn.Parameter(torch.full((heads,), -1.0))
        self.log_scale = nn.Parameter(torch.zeros(heads))
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator) -> None:
        """W2 ~ N(0, 1) on unit keys; W1_0 of `memory` std 0.02, of k and v 0: plain projections."""
        for linear in (self.project, self.out):
            nn.init.normal_(linear.weight, std=0.02, generator=generator)
        nn.init.zeros_(self.out.bias)
        nn.init.zeros_(self.gate.weight)
        with torch.no_grad():
            self.gate.bias.view(2, -1).copy_(torch.tensor([[0.0], [4.0]]))
            self.inner.normal_(generator=generator)
            self.outer[0].normal_(std=0.02, generator=generator)
            self.gate_memory.normal_(std=0.02, generator=generator)

    def initial(self, batch: int, patches: int) -> TitanState:
        """Every Delta zero: the memories answer with their meta-learned weights."""
        memories, heads, width, hidden = self.outer.shape
        new = self.outer.new_zeros
        return TitanState(
            delta=new(memories, batch, heads, width, hidden),
            gates=new(batch, heads, 2, width),
            recent=new(batch, 3, patches, self.settings.width),
        )

    def forward(
        self,
        x: Float[Tensor, "B t S C"],
        tables: Tables,
        state: TitanState,
        diary: Diary | None,
    ) -> tuple[Float[Tensor, "B t S C"], TitanState]:
        """Write and read the new steps in order."""
        if self.mixing is not None:
            x, recent = self.mixing(x, state.recent)
            state = replace(state, recent=recent)
        query, key, value = rearrange(
            self.project(x), "b t s (n h d) -> n t b h s d", n=3, h=self.settings.heads
        )
        gate = rearrange(self.gate(x), "b t s (n h) -> t n b h s", n=2)
        adapted = {"k": key, "v": value}
        phi = {m: features(adapted[m], self._inner(m)) for m in self.memories[1:]}
        written = []
        for t, rotation in enumerate(zip(*tables, strict=True)):
            step = Step(key[t], value[t], {m: p[t] for m, p in phi.items()}, gate[t], rotation)
            state = self._write(self._content(step, state), state, diary)
            written.append(state.delta[0])
        query = unit(rotate(query, tuple(table[:, None, None] for table in tables)))
        read = recall(query, features(query, self.inner[0]), self.outer[0] + torch.stack(written))
        heads = self.norm(read.to(x.dtype))
        return self.out(rearrange(heads, "t b h s d -> b t s (h d)")), state

    def _content(self, step: Step, state: TitanState) -> Content:
        """k, v, eta, alpha and the self-generated targets, all by the state before the step."""
        outer = self.outer[:, None] + state.delta
        plain_key = unit(self._adapt("k", step.key, step, outer))
        value = unit(self._adapt("v", step.value, step, outer))
        gate_memory = self.gate_memory + state.gates
        shift = rearrange(step.key @ gate_memory.transpose(-1, -2), "b h s n -> n b h s")
        eta, alpha = (
            step.gate[n] + shift[n] if name in self.settings.adaptive else step.gate[n]
            for n, name in enumerate(GATES)
        )
        others = [plain_key] * (len(self.memories) - 1)
        return Content(
            keys=torch.stack([rotate(plain_key, step.rotation), *others]),
            targets=unit(recall(value, features(value, self.inner[:, None]), outer)),
            gate_keys=plain_key,
            gate_targets=torch.tanh(value @ gate_memory.transpose(-1, -2)),
            rate=torch.sigmoid(eta),
            retention=torch.sigmoid(alpha.mean(-1)),
        )

    def _adapt(self, name: str, x: Tensor, step: Step, outer: Tensor) -> Tensor:
        """M_name(x), or x itself where that projection is not adaptive."""
        if name not in self.memories:
            return x
        return recall(x, step.phi[name], outer[self.memories.index(name)])

    def _inner(self, name: str) -> Float[Tensor, "H h d"]:
        return self.inner[self.memories.index(name)]

    def _write(self, content: Content, state: TitanState, diary: Diary | None) -> TitanState:
        """One proximal write of every memory; `memory` at full strength, the others slowly."""
        if self.settings.first_order:
            content = content.constant()
        phi = features(content.keys, self.inner[:, None])
        phi = phi.detach() if self.settings.first_order else phi
        error = content.targets - recall(content.keys, phi, self.outer[:, None])
        surprised = surprise(error[0], phi[0], state.delta[0])
        gate = openness(surprised, self.threshold, self.settings.gate)
        gate = gate.detach() if self.settings.first_order else gate
        weight = self.log_scale.exp()[:, None] * content.rate * gate
        slow = self.settings.self_write * weight
        weights = torch.stack([weight, *[slow] * (len(self.memories) - 1)])
        gate_error = content.gate_targets - content.gate_keys @ self.gate_memory.transpose(-1, -2)
        written = replace(
            state,
            delta=proximal_write(state.delta, phi, error, weights, content.retention),
            gates=proximal_write(
                state.gates, content.gate_keys, gate_error, slow, content.retention
            ),
        )
        if diary is not None:
            settled = surprise(error[0], phi[0], written.delta[0])
            old_error = error - phi @ state.delta.transpose(-1, -2)
            write = Write(phi, weights, old_error, surprised, settled, gate, content.retention)
            size = (self.outer.square().sum((-1, -2)) + self.inner.square().sum((-1, -2))).sqrt()
            diary.note("memory", "write_scale", self.log_scale.exp()[None])
            diary.note_content(content, write)
            diary.note_states(self.memories, write, (state, written), size)
        return written
