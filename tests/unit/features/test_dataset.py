"""The dataset joins features and tables by clip index, whatever the order on disk."""

import dataclasses

import numpy as np
import pytest
from tests.tiny_features import HEADER, write_features, write_table

from hopeworld.features.dataset import ClipDataset, DatasetError
from hopeworld.features.store import CorruptShard


@pytest.fixture
def paths(tmp_path):
    """Two shards of each kind that cut and order the same ten clips differently."""
    write_features(tmp_path / "f0.h5", [9, 0, 4, 2])
    write_features(tmp_path / "f1.h5", [1, 8, 3, 7, 6, 5])
    write_table(tmp_path / "t0.h5", [5, 6, 7, 8, 9, 0])
    write_table(tmp_path / "t1.h5", [1, 4, 3, 2])
    features = [tmp_path / "f1.h5", tmp_path / "f0.h5"]
    return features, [tmp_path / "t0.h5", tmp_path / "t1.h5"]


def test_every_array_belongs_to_its_clip(paths):
    dataset = ClipDataset.open(*paths)
    assert len(dataset) == 10
    assert dataset.clip.tolist() == list(range(10))
    assert dataset.episode.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    clips = np.arange(10)
    assert (dataset.latents(clips) == clips[:, None, None, None]).all()
    assert (dataset.action == clips[:, None, None] + 0.25).all()
    assert (dataset.mask_now.argmax(axis=2) == clips[:, None]).all()
    assert (dataset.mask_next.argmax(axis=2) == clips[:, None] + 1).all()


def test_types_shapes_and_origin(paths):
    dataset = ClipDataset.open(*paths)
    assert dataset.action.dtype == np.float32
    assert dataset.action.shape == (10, 8, 2)
    assert dataset.mask_now.dtype == dataset.mask_next.dtype == bool
    assert dataset.mask_now.shape == dataset.mask_next.shape == (10, 8, 16)
    assert dataset.grid == (4, 4)
    assert dataset.feature_width == 6
    assert dataset.origin == {"weights": "random (seed 0)", "mode": "tubelet", "dtype": "float32"}


def test_latents_come_in_the_order_asked_for(paths):
    latents = ClipDataset.open(*paths).latents([7, 2, 7, 0])
    assert latents.dtype == np.float32
    assert latents.shape == (4, 8, 16, 6)
    assert latents[:, 0, 0, 0].tolist() == [7, 2, 7, 0]


def test_order_of_the_files_does_not_matter(paths):
    features, tables = paths
    one, other = ClipDataset.open(*paths), ClipDataset.open(features[::-1], tables[::-1])
    assert (one.latents(range(10)) == other.latents(range(10))).all()
    assert (one.action == other.action).all()


def test_clip_without_features_is_refused(paths):
    with pytest.raises(DatasetError, match=r"6 clips \(first: 1\) are in the clip tables but not"):
        ClipDataset.open(paths[0][1:], paths[1])


def test_features_without_a_clip_are_refused(paths):
    with pytest.raises(DatasetError, match=r"4 clips \(first: 1\) are encoded but not"):
        ClipDataset.open(paths[0], paths[1][:1])


@pytest.mark.parametrize("twice", [0, 1])
def test_clip_that_occurs_twice_is_refused(paths, twice):
    given = list(paths)
    given[twice] = [*given[twice], given[twice][0]]
    with pytest.raises(DatasetError, match="occurs twice"):
        ClipDataset.open(*given)


@pytest.mark.parametrize("change", [{"weights": "other"}, {"mode": "clip"}, {"dtype": "bfloat16"}])
def test_shards_that_were_made_differently_are_refused(paths, change):
    write_features(paths[0][1], [9, 0, 4, 2], dataclasses.replace(HEADER, **change))
    with pytest.raises(DatasetError, match=next(iter(change.values()))):
        ClipDataset.open(*paths)


def test_features_of_another_image_size_are_refused(paths):
    for path, clips in zip(paths[0], ([1, 8, 3, 7, 6, 5], [9, 0, 4, 2]), strict=True):
        write_features(path, clips, shape=(8, 4, 6))
    with pytest.raises(DatasetError, match="encode again"):
        ClipDataset.open(*paths)


def test_nothing_given_is_refused(paths):
    with pytest.raises(DatasetError, match="no feature shards"):
        ClipDataset.open([], paths[1])
    with pytest.raises(DatasetError, match="no clip tables"):
        ClipDataset.open(paths[0], [])


def test_damage_is_found_when_the_clip_is_read(paths):
    shard = ClipDataset.open(*paths).shards[1]
    content = bytearray(shard.path.read_bytes())
    content[shard._offset] ^= 1
    shard.path.write_bytes(content)
    dataset = ClipDataset.open(*paths)
    dataset.latents([0, 1, 2])
    with pytest.raises(CorruptShard, match=r"f0\.h5: checksum of clip 9"):
        dataset.latents([9])
