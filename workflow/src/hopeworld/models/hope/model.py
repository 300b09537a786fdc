"""AC-HOPE-ViT: a drop-in replacement for ViT-AC with memory instead of attention.

    stage 1  predictor_embed  D -> C, action token before the patches of its step, as in ViT-AC
    stage 2  x += mixer(LN x)                                  phase A, titan.py
             x += f_l(LN_l x), l = fast, medium, slow          phase B, continuum.py
    stage 3  predictor_proj   C -> D
Source: Behrouz et al. 2025, "Nested Learning", sections 7 and 8 (eq. 94-97); docs/method.md,
section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.hope.attention import AttentionMixer, AttentionState
from hopeworld.models.hope.continuum import (
    ContinuumState,
    Level,
    Slot,
    initial_continuum,
    join_slots,
    layer_slots,
    look_back,
    require_levels,
)
from hopeworld.models.hope.titan import Titan, TitanState
from hopeworld.models.hope.trace import Diary
from hopeworld.models.linear import Linear
from hopeworld.models.predictor import (
    BadInput,
    Predictor,
    Trace,
    initialise,
    require_shapes,
    standardise,
)
from hopeworld.models.rotary import Tables, rotary_tables
from hopeworld.settings import Hope

Mixed = TitanState | AttentionState
PIECE = 8
"""Steps that pass the layers together. A memory can take a long clip in pieces, the numbers are the
same, and what a piece needs stays in the cache: the cost is linear in the steps."""


@dataclass(frozen=True)
class HopeState:
    """What HOPE carries: memories per layer, online CMS state (None: off), time in the clip."""

    mixers: tuple[Mixed, ...]
    continuum: ContinuumState | None
    time: int


class Block(nn.Module):
    """Titan memory, then the continuum memory system."""

    def __init__(self, settings: Hope, grid: tuple[int, int], generator: torch.Generator):
        super().__init__()
        self.norm = nn.LayerNorm(settings.width, eps=1e-6)
        is_attention = settings.mixer == "attention"
        self.mixer = (
            AttentionMixer(settings, generator)
            if is_attention
            else Titan(settings, grid, generator)
        )
        self.levels = nn.ModuleList(Level(settings, period) for period in settings.cms_periods)
        self.is_local = settings.cms_loss == "local"

    def forward(
        self,
        x: Float[Tensor, "B t S C"],
        tables: Tables,
        state: Mixed,
        diary: Diary | None,
    ) -> tuple[Float[Tensor, "B t S C"], Mixed]:
        """Phase A over the new steps."""
        read, state = self.mixer(self.norm(x), tables, state, diary)
        return x + read, state

    def remember(
        self, x: Float[Tensor, "B t S C"], slots: list[Slot] | None, transitions: int
    ) -> tuple[Float[Tensor, "B t S C"], list[Slot] | None]:
        """Phase B over the new steps; the slots change where the loss is local."""
        if slots is None:
            for level in self.levels:
                x = level(x, None)
            return x, None
        learnt = []
        for level, slot in zip(self.levels, slots, strict=True):
            if self.is_local:
                x, slot = level.learn(x, slot, transitions)
            else:
                x = level(x, slot.delta)
            learnt.append(slot)
        return x, learnt


class HopeAC(Predictor):
    """AC-HOPE-ViT.

    Attributes:
        look_back_rate: step of the online CMS updates in `observe`; 0: no online CMS state. Only
            for settings with cms_loss: look_back.
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
        self.predictor_embed = Linear(feature_width, settings.width)
        self.action_encoder = Linear(2, settings.width)
        self.blocks = nn.ModuleList(Block(settings, grid, generator) for _ in range(settings.depth))
        self.predictor_norm = nn.LayerNorm(settings.width, eps=1e-6)
        self.predictor_proj = Linear(settings.width, feature_width)
        for part in (self.predictor_embed, self.action_encoder, self.predictor_proj):
            initialise(part, generator)
        # No force must not be the zero token: LayerNorm and L2 norms are steepest there.
        nn.init.normal_(self.action_encoder.bias, std=0.02, generator=generator)
        for layer, block in enumerate(self.blocks, start=1):
            initialise(block.levels, generator)
            with torch.no_grad():
                block.mixer.out.weight.div_((2 * layer) ** 0.5)
                for level in block.levels:
                    level.outer.weight.div_((2 * layer) ** 0.5)

    def no_decay(self) -> set[str]:
        """The memories' initial weights, and the mixing, which starts as the identity."""
        memories = ("memory.outer", "memory.inner", "slow.outer", "slow.inner", "gates.outer")
        ends = (*memories, "mixing.time", "mixing.space")
        return {name for name, _ in self.named_parameters() if name.endswith(ends)}

    def initial(self, batch: int) -> HopeState:
        """Every Delta zero; an online CMS state where its levels learn."""
        patches = self.grid[0] * self.grid[1]
        mixers = tuple(block.mixer.initial(batch, patches) for block in self.blocks)
        weight = self.predictor_embed.weight
        online = initial_continuum(self.settings, batch, weight) if self._learns_online() else None
        return HopeState(mixers, online, 0)

    def _learns_online(self) -> bool:
        loss = self.settings.cms_loss
        return loss == "local" or (loss == "look_back" and self.look_back_rate > 0)

    def new_clip(self, state: HopeState) -> HopeState:
        """Zero the time position and the convolution cache; memories, deltas and count stay."""
        pairs = zip(self.blocks, state.mixers, strict=True)
        mixers = tuple(block.mixer.new_clip(mixed) for block, mixed in pairs)
        return replace(state, mixers=mixers, time=0)

    def refresh(self, state: HopeState) -> HopeState:
        """What the memories learnt stays learnt, whatever the parameters do."""
        return state

    def advance(
        self,
        state: HopeState,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], HopeState]:
        """Write and read the new steps, a few at a time (see `Predictor.predict`)."""
        predictions = []
        for piece in zip(features.split(PIECE, 1), actions.split(PIECE, 1), strict=True):
            prediction, state = self._advance_piece(state, *piece, trace)
            predictions.append(prediction)
        return torch.cat(predictions, 1), state

    def _advance_piece(
        self, state: HopeState, features: Tensor, actions: Tensor, trace: Trace | None
    ) -> tuple[Float[Tensor, "B t P D"], HopeState]:
        state = self._track_deltas(state)
        steps, online = features.shape[1], state.continuum
        transitions = 0 if online is None else online.transitions
        tables = self._tables(state.time, steps, features.device)
        x = self._tokens(features, actions)
        mixers, learnt = [], []
        for layer, block in enumerate(self.blocks):
            diary = None if trace is None else Diary(trace, layer)
            slots = None if online is None else layer_slots(online, layer)
            if diary is not None and slots is not None:
                diary.note_levels(block.levels, slots, transitions)
            x, mixed = block(x, tables, state.mixers[layer], diary)
            x, slots = block.remember(x, slots, transitions)
            mixers.append(mixed)
            learnt.append(slots)
        raw = self.predictor_proj(self.predictor_norm(x[:, :, 1:]))
        if self.settings.cms_loss == "local":
            online = join_slots(learnt, transitions + steps)
        return standardise(raw), HopeState(tuple(mixers), online, state.time + steps)

    def _tokens(self, features: Tensor, actions: Tensor) -> Float[Tensor, "B t S C"]:
        """The action token of each step before its patches, in the precision of the weights."""
        dtype = self.predictor_embed.weight.dtype
        action = self.action_encoder((actions / self.action_scale).to(dtype))[:, :, None]
        return torch.cat((action, self.predictor_embed(features.to(dtype))), 2)

    def observe(
        self,
        state: HopeState,
        prediction: Float[Tensor, "B P D"],
        truth: Float[Tensor, "B P D"],
    ) -> HopeState:
        """CMS look-back: the gradient of L1(prediction, truth) by every level's output matrix.

        Raises BadInput for a prediction without a graph.
        """
        if state.continuum is None or self.settings.cms_loss != "look_back":
            return state
        if not prediction.requires_grad:
            raise BadInput("observe: the prediction has no graph; predict outside torch.no_grad()")
        loss = (prediction - truth).abs().mean((-1, -2)).sum()
        gradients = torch.autograd.grad(loss, state.continuum.deltas, retain_graph=True)
        detached = self.detach(state)
        levels = list(self.blocks[0].levels)
        learnt = look_back(detached.continuum, gradients, levels, self.look_back_rate)
        return replace(detached, continuum=learnt)

    def taught(self, before: HopeState, after: HopeState) -> HopeState:
        """The CMS deltas of `after`, all else of `before`."""
        return replace(before, continuum=after.continuum)

    def _track_deltas(self, state: HopeState) -> HopeState:
        """Make the CMS deltas leaves of a new graph: `observe` differentiates by them."""
        is_learnt_back = state.continuum is not None and self.settings.cms_loss == "look_back"
        if not is_learnt_back or not torch.is_grad_enabled():
            return state
        leaves = tuple(d.detach().requires_grad_() for d in state.continuum.deltas)
        return replace(state, continuum=replace(state.continuum, deltas=leaves))

    def _tables(self, start: int, steps: int, device: torch.device) -> Tables:
        """Rotary tables of the new steps; without RoPE those of no rotation."""
        width = self.settings.width // self.settings.heads
        if self.settings.rope != "off":
            return rotary_tables(start, steps, self.grid, width, self.settings.rope, device)
        shape = steps, 1 + self.grid[0] * self.grid[1], width
        return torch.ones(shape, device=device), torch.zeros(shape, device=device)

    def check_state(self, state: HopeState, batch: int) -> None:
        """Raise `BadInput` for a state of another model, batch or grid."""
        if not isinstance(state, HopeState) or len(state.mixers) != len(self.blocks):
            raise BadInput("state is not one of this model; start from initial()")
        patches = self.grid[0] * self.grid[1]
        like = self.blocks[0].mixer.initial(batch, patches)
        for mixed in state.mixers:
            require_shapes(mixed, like)
            if isinstance(mixed, AttentionState) and mixed.length != state.time * (1 + patches):
                raise BadInput("state: its keys are of another grid; start from initial()")
        if (state.continuum is not None) != self._learns_online():
            raise BadInput("state and model differ in online CMS learning; start from initial()")
        if state.continuum is not None:
            require_levels(state.continuum, self.settings, batch)
