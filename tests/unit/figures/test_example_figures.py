"""Figures of one clip: errors and features of what the methods predict of it."""

import dataclasses

import numpy as np
import pytest
from matplotlib.image import imread
from safetensors.numpy import load_file, save_file
from tests import synthetic_memory, tiny_clips
from tests.figure_checks import (
    assert_csv_holds,
    assert_no_collisions,
    assert_print_quality,
    drawn_texts,
    module_of,
)
from tests.figure_inputs import FIGURES

from hopeworld import files
from hopeworld.figures import csv_claims, examples, feature_maps, style
from hopeworld.simulation.shards import simulate_shard

NAMES = ("error_maps", "feature_maps")
CLIP = 1


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    job = tiny_clips.shard_job(folder, "probe", "B", range(4))
    with (folder / "log").open("w") as log:
        simulate_shard(job, log)
    files.write_json(folder / "metrics.json", synthetic_memory.metrics())
    paths = {name: folder / f"{name}.safetensors" for name in ("vit_tta", "hope")}
    for name, path in paths.items():
        synthetic_memory.write_example(path, name, CLIP, 0.1 if name == "hope" else 0.15)
    return examples.Inputs(paths, job.table, job.folder, folder / "metrics.json")


def compose(name, inputs, figures=FIGURES):
    with style.styled(figures):
        return module_of(name).compose(inputs, figures)


def words(figure, monkeypatch):
    texts = drawn_texts(figure, monkeypatch)
    assert_no_collisions(figure, texts)
    return " ".join(text.get_text() for text in texts)


def only(inputs, *names):
    return dataclasses.replace(inputs, examples={name: inputs.examples[name] for name in names})


@pytest.mark.usefixtures("restless_solver")
@pytest.mark.parametrize("name", NAMES)
def test_files_are_whole_and_have_the_same_bytes_every_time(name, inputs, tmp_path):
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        paths = style.Paths(folder / "f.pdf", folder / "f.png", folder / "f.csv")
        module_of(name).draw(inputs, FIGURES, paths)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert_print_quality(written[0]["f.pdf"])
    assert imread(tmp_path / "a" / "f.png").shape[1] == 590
    assert_csv_holds(tmp_path / "a" / "f.csv", compose(name, inputs)[1])


@pytest.mark.parametrize("font_pt", [8.0, 9.0])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_leaves_the_figure_or_covers_another(name, font_pt, inputs, monkeypatch):
    figure, _ = compose(name, inputs, dataclasses.replace(FIGURES, font_pt=font_pt))
    assert "random encoder weights" in words(figure, monkeypatch)


@pytest.mark.parametrize("method", ["hope", "vit_tta"])
@pytest.mark.parametrize("name", NAMES)
def test_one_method_is_shown_beside_its_twin(name, method, inputs, monkeypatch):
    figure, plotted = compose(name, only(inputs, method))
    shown = words(figure, monkeypatch)
    column = "panel" if name == "error_maps" else "row"
    assert set(plotted[column]) - {"persistence", "difference", "true"} == {
        method, "hope_frozen" if method == "hope" else "vit_frozen",
    }  # fmt: skip
    assert ("HOPE" in shown) == (method == "hope")


def test_errors_are_those_of_the_file_and_share_a_scale(inputs):
    figure, plotted = compose("error_maps", inputs)
    stored = load_file(inputs.examples["hope"])
    shown = sorted(plotted["t"].unique())
    assert shown[-1] == 6
    values = plotted[plotted["panel"] == "hope"].pivot(index="t", columns="patch", values="error")
    np.testing.assert_allclose(values, stored["error"][shown], rtol=1e-6)
    own = plotted.set_index(["panel", "t", "patch"])["error"]
    np.testing.assert_allclose(own["difference"], own["hope"] - own["vit_tta"])
    limits = {image.get_clim() for axis in figure.axes[1:6] for image in axis.images[1:]}
    assert len(limits) == 1
    low, high = figure.axes[6].images[1].get_clim()
    assert low == -high < 0


def test_the_outline_surrounds_the_patches_of_the_object(inputs):
    figure, _ = compose("error_maps", inputs)
    (outline,) = figure.axes[1].collections
    points = np.concatenate(outline.get_segments())
    np.testing.assert_allclose([points.min(), points.max()], [15.5, 47.5])
    assert len(outline.get_segments()) == 8


def test_a_diverged_method_does_not_stretch_the_scale(inputs, tmp_path, monkeypatch):
    path = tmp_path / "hope.safetensors"
    synthetic_memory.write_example(path, "hope", CLIP)
    arrays = load_file(path)
    arrays["error"][3:] = np.nan
    arrays["error_frozen"][:] = 1e4
    text = '{"clip": 1, "grid": [4, 4]}'
    save_file(arrays, path, metadata={examples.METADATA_KEY: text})
    diverged = dataclasses.replace(inputs, examples=inputs.examples | {"hope": path})
    figure, _ = compose("error_maps", diverged)
    assert_no_collisions(figure, drawn_texts(figure, monkeypatch))
    assert figure.axes[1].images[1].get_clim()[1] < 2.0


def test_all_features_are_seen_in_the_basis_of_the_true_ones(inputs):
    _, plotted = compose("feature_maps", inputs)
    colours = plotted.set_index(["row", "t", "patch"])[["red", "green", "blue"]]
    assert set(plotted.loc[plotted["row"] == "hope", "t"]) == set(range(1, 8))
    assert set(plotted.loc[plotted["row"] == "true", "t"]) == set(range(8))
    away = {
        n: (colours.loc[n] - colours.loc["true"]).abs().mean().mean()
        for n in ("hope", "hope_frozen")
    }
    assert 0 < away["hope"] < away["hope_frozen"] < 0.1


def test_the_basis_is_orthonormal_and_finds_the_directions_of_the_features():
    noise = np.random.default_rng(0)
    truth = noise.standard_normal((8, 16, 12)) * np.array([9, 5, 3] + 9 * [0.01])
    basis, low, high, share = feature_maps.fit_basis(truth)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(basis[:3], np.eye(3), atol=0.1)
    assert share > 0.99
    inside = (truth @ basis >= low) & (truth @ basis <= high)
    assert 0.95 < inside.mean() < 1


def test_examples_of_different_clips_are_refused(inputs, tmp_path):
    path = tmp_path / "hope.safetensors"
    synthetic_memory.write_example(path, "hope", 2)
    wrong = dataclasses.replace(inputs, examples=inputs.examples | {"hope": path})
    with pytest.raises(examples.ExampleError, match="of different clips; delete both"):
        compose("error_maps", wrong)
    synthetic_memory.write_example(path, "hope", 9)
    with pytest.raises(examples.ExampleError, match="has no clip 9"):
        compose("error_maps", only(wrong, "hope"))


def test_a_file_that_is_no_example_is_named(inputs, tmp_path):
    path = tmp_path / "hope.safetensors"
    path.write_bytes(b"nothing")
    wrong = dataclasses.replace(inputs, examples={"hope": path})
    with pytest.raises(examples.ExampleError, match=r"hope\.safetensors: no example of a clip"):
        compose("feature_maps", wrong)


def test_the_captions_have_their_numbers(inputs, tmp_path):
    for name in NAMES:
        paths = (tmp_path / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv"))
        module_of(name).draw(inputs, FIGURES, style.Paths(*paths))
    found = csv_claims.csv_claims(tmp_path)
    assert "HOPE 0.0" in found["error_maps"]
    assert "persistence 0." in found["error_maps"]
    assert "of the variance of the true features" in found["feature_maps"]
