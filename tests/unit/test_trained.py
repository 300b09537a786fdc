"""Files of trained weights."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file
from tests.tiny_training import GRID, WIDTH, tiny_models, tiny_predictor

from hopeworld.models.build import build_predictor
from hopeworld.trained import Metadata, WeightsError, load_predictor, save_weights


def about(model):
    origin = {"weights": "random", "mode": "tubelet", "dtype": "float32"}
    return Metadata(model, getattr(tiny_models(), model), 3, 10, GRID, WIDTH, origin)


@pytest.mark.parametrize("model", ["vit_ac", "hope"])
def test_a_saved_predictor_is_rebuilt_exactly(tmp_path, model):
    predictor = tiny_predictor(model, seed=5)
    predictor.action_scale.fill_(2.5)
    save_weights(tmp_path / "w.safetensors", predictor.state_dict(), about(model))
    loaded, metadata = load_predictor(tmp_path / "w.safetensors")
    assert metadata == about(model)
    assert not loaded.training
    assert loaded.action_scale.item() == 2.5
    state = predictor.state_dict()
    assert state.keys() == loaded.state_dict().keys()
    assert all(torch.equal(state[n], t) for n, t in loaded.state_dict().items())


@pytest.mark.parametrize("mixer", ["titan", "linear", "attention"])
def test_live_weights_of_every_mixer_are_saved_and_rebuilt(tmp_path, mixer):
    settings = dataclasses.replace(tiny_models().hope, mixer=mixer)
    predictor = build_predictor(settings, GRID, WIDTH, 0)
    metadata = dataclasses.replace(about("hope"), settings=settings)
    save_weights(tmp_path / "w", predictor.state_dict(), metadata)
    loaded, _ = load_predictor(tmp_path / "w")
    assert all(torch.equal(predictor.state_dict()[n], t) for n, t in loaded.state_dict().items())


def test_same_weights_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_weights(tmp_path / name, tiny_predictor("hope").state_dict(), about("hope"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_of_another_model_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_predictor("vit_ac").state_dict(), about("hope"))
    with pytest.raises(WeightsError, match=r"w.safetensors: does not fit model hope"):
        load_predictor(path)


def test_weights_of_another_size_are_refused(tmp_path):
    wide = dataclasses.replace(about("vit_ac"), feature_width=2 * WIDTH)
    save_weights(tmp_path / "w", tiny_predictor("vit_ac").state_dict(), wide)
    with pytest.raises(WeightsError, match="does not fit"):
        load_predictor(tmp_path / "w")


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("not weights, though it is quite long")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_predictor(tmp_path / "text")
    save_file({"a": torch.ones(1)}, tmp_path / "bare")
    with pytest.raises(WeightsError, match="no hopeworld metadata"):
        load_predictor(tmp_path / "bare")
