"""ViT-AC: numerically Meta's V-JEPA 2 action-conditioned predictor.

Tokens of a step are its conditions (the action; in Meta's own checkpoints also the robot's state,
and the camera's extrinsics), then the patches row-major; steps follow each other. A step sees
itself and every earlier step (attention.py). Slot k of the output predicts z_{k+1}. State-dict
names are Meta's.
Source: Assran et al. 2025 (V-JEPA 2), src/models/ac_predictor.py.
Equations: docs/method.md, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hopeworld.models.attention import Attention, Cache
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
from hopeworld.settings import VitAC


@dataclass(frozen=True)
class Conditions:
    """The tokens before the patches of a step, in Meta's order: action, state, extrinsics.

    A state is as wide as an action, extrinsics one less. The study has 2D forces alone.
    """

    action_width: int = 2
    state: bool = False
    extrinsics: bool = False

    @property
    def widths(self) -> dict[str, int]:
        """Width of each condition that is there, by its name."""
        widths = {"action": self.action_width}
        if self.state:
            widths["state"] = self.action_width
        if self.extrinsics:
            widths["extrinsics"] = self.action_width - 1
        return widths


FORCES = Conditions()


@dataclass(frozen=True)
class ClipState:
    """This clip's past steps, and their keys and values while the parameters stay as they are."""

    features: Float[Tensor, "B t P D"]
    actions: Float[Tensor, "B t A"]
    cache: tuple[Cache, ...] | None


class Mlp(nn.Module):
    """Two layers with exact GELU."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Float[Tensor, "... C"]) -> Float[Tensor, "... C"]:
        """fc2(gelu(fc1 x))."""
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block: x += attention(LN x); x += mlp(LN x)."""

    def __init__(self, settings: VitAC):
        super().__init__()
        self.norm1 = nn.LayerNorm(settings.width, eps=1e-6)
        self.attn = Attention(settings.width, settings.heads)
        self.norm2 = nn.LayerNorm(settings.width, eps=1e-6)
        self.mlp = Mlp(settings.width, round(settings.mlp_ratio * settings.width))

    def forward(
        self, x: Float[Tensor, "B t S C"], tables: Tables, past: Cache | None
    ) -> tuple[Float[Tensor, "B t S C"], Cache]:
        """One block; returns the grown cache of keys and values."""
        read, cache = self.attn(self.norm1(x), tables, past)
        x = x + read
        return x + self.mlp(self.norm2(x)), cache


class ViTAC(Predictor):
    """Action-conditioned ViT predictor (attention over the clip so far).

    Args:
        conditions: the condition tokens of a step; `predict` and `rollout` have 2D forces alone.
    """

    def __init__(
        self,
        settings: VitAC,
        grid: tuple[int, int],
        feature_width: int,
        generator: torch.Generator,
        conditions: Conditions = FORCES,
    ):
        super().__init__(grid, feature_width)
        self.settings, self.conditions = settings, conditions
        self.predictor_embed = Linear(feature_width, settings.width)
        for name, width in conditions.widths.items():
            self.add_module(f"{name}_encoder", Linear(width, settings.width))
        self.predictor_blocks = nn.ModuleList(Block(settings) for _ in range(settings.depth))
        self.predictor_norm = nn.LayerNorm(settings.width, eps=1e-6)
        self.predictor_proj = Linear(settings.width, feature_width)
        initialise(self, generator)
        with torch.no_grad():
            for layer, block in enumerate(self.predictor_blocks, start=1):
                block.attn.proj.weight.div_((2 * layer) ** 0.5)
                block.mlp.fc2.weight.div_((2 * layer) ** 0.5)

    def initial(self, batch: int) -> ClipState:
        """Nothing seen yet."""
        weight = self.predictor_embed.weight
        features = weight.new_zeros(batch, 0, self.grid[0] * self.grid[1], self.feature_width)
        return ClipState(features, weight.new_zeros(batch, 0, self.conditions.action_width), None)

    def new_clip(self, state: ClipState) -> ClipState:
        """A ViT carries nothing from clip to clip."""
        return ClipState(state.features[:, :0], state.actions[:, :0], None)

    def refresh(self, state: ClipState) -> ClipState:
        """Drop keys and values: the next prediction recomputes them from the kept steps."""
        return replace(state, cache=None)

    def check(self, features: Tensor, actions: Tensor) -> None:
        """Raise `BadInput` also where the predictor reads more than 2D forces."""
        if self.conditions != FORCES:
            raise BadInput(
                f"predict and rollout know 2D forces alone, this predictor reads "
                f"{self.conditions.widths}; call forward with all that it reads"
            )
        super().check(features, actions)

    def check_state(self, state: ClipState, batch: int) -> None:
        """Raise `BadInput` for a state of another model, batch or grid."""
        if not isinstance(state, ClipState):
            raise BadInput("state is not one of this model; start from initial()")
        require_shapes(self.refresh(state), self.initial(batch))
        heads, width = self.settings.heads, self.settings.width // self.settings.heads
        tokens = state.features.shape[1] * (state.features.shape[2] + len(self.conditions.widths))
        wanted = (batch, heads, tokens, width)
        kept = [part.shape for layer in state.cache or () for part in layer]
        fits = state.cache is None or len(state.cache) == self.settings.depth
        if not fits or any(tuple(shape) != wanted for shape in kept):
            raise BadInput("state: its keys are of another model; start from initial()")

    def observe(self, state: ClipState, prediction: Tensor, truth: Tensor) -> ClipState:
        """A ViT learns nothing online by itself."""
        return state

    def advance(
        self,
        state: ClipState,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        trace: Trace | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], ClipState]:
        """Predict the next latent of each new step (see `Predictor.predict`)."""
        new = features.shape[1]
        seen = torch.cat((state.features, features), 1)
        forces = torch.cat((state.actions, actions), 1)
        if state.cache is None:
            raw, cache = self.forward(seen, forces / self.action_scale)
        else:
            raw, cache = self.forward(features, actions / self.action_scale, state.cache)
        return standardise(raw[:, -new:]), ClipState(seen, forces, cache)

    def forward(
        self,
        features: Float[Tensor, "B t P D"],
        actions: Float[Tensor, "B t A"],
        past: tuple[Cache, ...] | None = None,
        states: Float[Tensor, "B t A"] | None = None,
        extrinsics: Float[Tensor, "B t E"] | None = None,
    ) -> tuple[Float[Tensor, "B t P D"], tuple[Cache, ...]]:
        """The network itself: scaled actions in, predictions before their LayerNorm out.

        Raises:
            BadInput: a condition that this predictor reads is missing, or it reads no such one.
        """
        x = self.tokens(features, {"action": actions, "state": states, "extrinsics": extrinsics})
        start = 0 if past is None else past[0][0].shape[2] // x.shape[2]
        tables = self.rotation(start, x.shape[1])
        grown = []
        for layer, block in enumerate(self.predictor_blocks):
            x, cache = block(x, tables, None if past is None else past[layer])
            grown.append(cache)
        patches = self.predictor_norm(x[:, :, len(self.conditions.widths) :])
        return self.predictor_proj(patches), tuple(grown)

    def tokens(
        self, features: Float[Tensor, "B t P D"], given: dict[str, Tensor | None]
    ) -> Float[Tensor, "B t S C"]:
        """Embed the conditions and the patches of every step, in the model's own precision."""
        self._check_conditions(features.shape[:2], given)
        dtype = self.predictor_embed.weight.dtype
        conditions = [
            self.get_submodule(f"{name}_encoder")(given[name].to(dtype))
            for name in self.conditions.widths
        ]
        patches = self.predictor_embed(features.to(dtype))
        return torch.cat((torch.stack(conditions, 2), patches), 2)

    def _check_conditions(self, steps: torch.Size, given: dict[str, Tensor | None]) -> None:
        widths = self.conditions.widths
        found = [name for name, value in given.items() if value is not None]
        if found != list(widths):
            raise BadInput(
                f"this predictor reads the conditions {', '.join(widths)}, given were "
                f"{', '.join(found)}; call forward with all that it reads and no others"
            )
        for name, width in widths.items():
            shape, wanted = tuple(given[name].shape), (*steps, width)
            if shape != wanted:
                raise BadInput(f"{name}: shape {shape}, wanted {wanted}; give one per step")

    def rotation(self, start: int, steps: int) -> Tables:
        """Rotary tables of `steps` steps from `start` on."""
        settings, device = self.settings, self.predictor_embed.weight.device
        width, conditions = settings.width // settings.heads, len(self.conditions.widths)
        return rotary_tables(start, steps, self.grid, width, settings.rope, device, conditions)
