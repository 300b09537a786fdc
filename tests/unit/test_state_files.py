"""States: taken apart, put together, written and read back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.small_models import GRID, HOPE, WIDTH, clips, small

from hopeworld.models.build import build_predictor
from hopeworld.models.state import digest, flatten, map_tensors, unflatten
from hopeworld.state_files import StateError, load_state, save_state

VARIANTS = {
    "vit_ac": lambda: small("vit_ac"),
    "hope": lambda: small("hope"),
    "look_back": lambda: learning(small("hope")),
    "local": lambda: variant(cms_loss="local"),
    "linear": lambda: variant(mixer="linear"),
    "attention": lambda: variant(mixer="attention"),
    "static": lambda: variant(adaptive=()),
}
EACH = pytest.mark.parametrize("name", VARIANTS)


def variant(**changes):
    return build_predictor(replace(HOPE, **changes), GRID, WIDTH, 0).eval()


def learning(predictor):
    predictor.look_back_rate = 1.0
    return predictor


def used(predictor, batch=2):
    """A state in the middle of a clip that has learnt something."""
    latents, actions = clips(batch)
    prediction, state = predictor.predict(predictor.initial(batch), latents[:, :3], actions[:, :3])
    return predictor.detach(predictor.observe(state, prediction[:, -1], latents[:, 3]))


@EACH
def test_apart_and_together_is_the_identity(name):
    predictor = VARIANTS[name]()
    state = used(predictor)
    again = unflatten(predictor.initial(2), flatten(state))
    assert type(again) is type(state)
    assert digest(again, predictor) == digest(state, predictor)
    doubled = map_tensors(lambda tensor: 2 * tensor, state)
    assert digest(doubled, predictor) != digest(state, predictor)


@EACH
def test_a_snapshot_is_exact_and_goes_on_bitwise(name, tmp_path):
    predictor = VARIANTS[name]()
    state = used(predictor)
    save_state(tmp_path / "state.safetensors", state, predictor)
    restored = load_state(tmp_path / "state.safetensors", predictor, 2)
    assert digest(restored, predictor) == digest(state, predictor)
    latents, actions = clips(2)
    gone_on, end = predictor.predict(state, latents[:, 3:], actions[:, 3:])
    resumed, restored_end = predictor.predict(restored, latents[:, 3:], actions[:, 3:])
    assert torch.equal(gone_on, resumed)
    assert digest(end, predictor) == digest(restored_end, predictor)


def test_same_state_same_bytes(tmp_path):
    predictor = small("hope")
    for name in ("a", "b"):
        save_state(tmp_path / name, used(predictor), predictor)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_state_of_another_model_grid_or_batch_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    save_state(path, used(small("hope")), small("hope"))
    smaller = build_predictor(HOPE, (3, 3), WIDTH, 0)
    for other in (small("vit_ac"), variant(heads=1), smaller, small("hope", seed=1)):
        with pytest.raises(StateError, match="of another model"):
            load_state(path, other, 2)
    with pytest.raises(StateError, match="does not fit"):
        load_state(path, small("hope"), 1)
    with pytest.raises(StateError, match=r"lacks .continuum"):
        load_state(path, learning(small("hope")), 2)


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a state, though it is quite long")
    with pytest.raises(StateError, match="no such file"):
        load_state(tmp_path / "none", small("hope"), 1)
    with pytest.raises(StateError, match="cannot be read"):
        load_state(tmp_path / "text", small("hope"), 1)
