"""AC-HOPE-ViT: a drop-in replacement for ViT-AC with memory instead of attention.

    stage 1  predictor_embed  D -> C, action token before the patches of its step, as in ViT-AC
    stage 2  x += Titan(LN x)                                  phase A, titan.py
             x += f_l(LN_l x), l = fast, medium, slow          phase B, continuum.py
    stage 3  predictor_proj   C -> D
Source: Behrouz et al. 2025, "Nested Learning", sections 7 and 8 (eq. 94-97).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.hope.continuum import (
    ContinuumState,
    Level,
    initial_continuum,
    look_back,
)
from hopeworld.models.hope.titan import Titan, TitanState
from hopeworld.models.hope.trace import Diary
from hopeworld.models.predictor import BadInput, Predictor, Trace, initialise, standardise
from hopeworld.models.rotary import Tables, rotary_tables
from hopeworld.settings import Hope


@dataclass(frozen=True)
class HopeState:
    """What HOPE carries: memories per layer, online CMS state (None: off), time in the clip."""

    titans: tuple[TitanState, ...]
    continuum: ContinuumState | None
    time: int


class Block(nn.Module):
    """Titan memory, then the continuum memory system."""

    def __init__(self, settings: Hope, grid: tuple[int, int], generator: torch.Generator):
        super().__init__()
        self.norm = nn.LayerNorm(settings.width, eps=1e-6)
        self.titan = Titan(settings, grid, generator)
        self.levels = nn.ModuleList(
            Level(settings.width, settings.cms_hidden) for _ in settings.cms_periods
        )

    def forward(
        self,
        x: Float[Tensor, "B t S C"],
        tables: Tables,
        state: TitanState,
        deltas: tuple[Tensor | None, ...],
        diary: Diary | None,
    ) -> tuple[Float[Tensor, "B t S C"], TitanState]:
        """One block over the new steps."""
        read, state = self.titan(self.norm(x), tables, state, diary)
        x = x + read
        for level, delta in zip(self.levels, deltas, strict=True):
            x = level(x, delta)
        return x, state


class HopeAC(Predictor):
    """AC-HOPE-ViT.

    Attributes:
        look_back_rate: step of the online CMS updates in `observe`; 0: no online CMS state.
    """

    def __init__(
        self,
        settings: Hope,
        grid: tuple[int, int],
        feature_width: int,
        generator: torch.Generator,
    ):
        super().__init__(grid, feature_width)
        self.settings = settings
        self.look_back_rate = 0.0
        self.predictor_embed = nn.Linear(feature_width, settings.width)
        self.action_encoder = nn.Linear(2, settings.width)
        self.blocks = nn.ModuleList(Block(settings, grid, generator) for _ in range(settings.depth))
        self.predictor_norm = nn.LayerNorm(settings.width, eps=1e-6)
        self.predictor_proj = nn.Linear(settings.width, feature_width)
        for part in (self.predictor_embed, self.action_encoder, self.predictor_proj):
            initialise(part, generator)
        # No force must not be the zero token: LayerNorm and L2 norms are steepest there.
        nn.init.normal_(self.action_encoder.bias, std=0.02, generator=generator)
        for layer, block in enumerate(self.blocks, start=1):
            initialise(block.levels, generator)
            with torch.no_grad():
                block.titan.out.weight.div_((2 * layer) ** 0.5)
                for level in block.levels:
                    level.outer.weight.div_((2 * layer) ** 0.5)

    def no_decay(self) -> set[str]:
        """The memories' initial weights: what they know before a stream starts."""
        memories = ("titan.outer", "titan.inner", "titan.gate_memory", "mixing.time")
        return {name for name, _ in self.named_parameters() if name.endswith(memories)}

    def initial(self, batch: int) -> HopeState:
        """Every Delta zero; with a `look_back_rate` an online CMS state beside them."""
        patches = self.grid[0] * self.grid[1]
        titans = tuple(block.titan.initial(batch, patches) for block in self.blocks)
        weight = self.predictor_embed.weight
        online = initial_continuum(self.settings, batch, weight) if self.look_back_rate else None
        return HopeState(titans, online, 0)

    def new_clip(self, state: HopeState) -> HopeState:
        """Zero the time position and the convolution cache; memories, deltas and count stay."""
        titans = tuple(replace(t, recent=torch.zeros_like(t.recent)) for t in state.titans)
        return replace(state, titans=titans, time=0)

    def detach(self, state: HopeState) -> HopeState:
        """Cut the memories from the graph that wrote them."""
        titans = tuple(
            TitanState(t.delta.detach(), t.gates.detach(), t.recent.detach()) for t in state.titans
        )
        online = state.continuum
        if online is not None:
            online = replace(online, deltas=tuple(d.detach() for d in online.deltas))
        return replace(state, titans=titans, continuum=online)

    def refresh(self, state: HopeState) -> HopeState:
        """What the memories learnt stays learnt, whatever the parameters do."""
        return state

    def predict(
        self,
        state: HopeState,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], HopeState]:
        """Write and read the new steps (see `Predictor.predict`)."""
        self.check(features, actions)
        self._check_state(state, features.shape[0])
        state = self._track_deltas(state)
        steps, width = features.shape[1], self.settings.width // self.settings.heads
        tables = rotary_tables(
            state.time, steps, self.grid, width, self.settings.rope, features.device
        )
        action = self.action_encoder(actions / self.action_scale)[:, :, None]
        x = torch.cat((action, self.predictor_embed(features)), 2)
        titans = []
        for layer, block in enumerate(self.blocks):
            diary = None if trace is None else Diary(trace, layer)
            deltas = self._deltas(state, layer)
            x, titan = block(x, tables, state.titans[layer], deltas, diary)
            titans.append(titan)
            if diary is not None and state.continuum is not None:
                diary.note_levels(block.levels, self.settings.cms_periods, state.continuum)
        raw = self.predictor_proj(self.predictor_norm(x[:, :, 1:]))
        return standardise(raw), replace(state, titans=tuple(titans), time=state.time + steps)

    def observe(
        self,
        state: HopeState,
        prediction: Float[Tensor, "B P D"],
        truth: Float[Tensor, "B P D"],
    ) -> HopeState:
        """CMS look-back: the gradient of L1(prediction, truth) by every level's output matrix."""
        if state.continuum is None:
            return state
        loss = (prediction - truth).abs().mean((-1, -2)).sum()
        gradients = torch.autograd.grad(loss, state.continuum.deltas, retain_graph=True)
        detached = self.detach(state)
        learnt = look_back(detached.continuum, gradients, self.settings, self.look_back_rate)
        return replace(detached, continuum=learnt)

    def _track_deltas(self, state: HopeState) -> HopeState:
        """Make the CMS deltas leaves of a new graph: `observe` differentiates by them."""
        if state.continuum is None or not torch.is_grad_enabled():
            return state
        leaves = tuple(d.detach().requires_grad_() for d in state.continuum.deltas)
        return replace(state, continuum=replace(state.continuum, deltas=leaves))

    def _deltas(self, state: HopeState, layer: int) -> tuple[Tensor | None, ...]:
        if state.continuum is None:
            return (None,) * len(self.settings.cms_periods)
        return tuple(delta[layer] for delta in state.continuum.deltas)

    def _check_state(self, state: HopeState, batch: int) -> None:
        if not isinstance(state, HopeState) or len(state.titans) != len(self.blocks):
            raise BadInput("state is not one of this model; start from initial()")
        if state.titans[0].gates.shape[0] != batch:
            raise BadInput(
                f"state is of a batch of {state.titans[0].gates.shape[0]}, features of {batch}; "
                "start from initial(batch)"
            )
