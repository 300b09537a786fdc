"""Reading, encoding and writing at the same time, in order; an error of any ends all."""

import threading
from functools import partial

import numpy as np
import pytest
from tests.tiny_features import clip_frames, tiny_encoder

from hopeworld.features import overlap
from hopeworld.features.encoder import write_features
from hopeworld.features.overlap import CLIPS_BEHIND, read_ahead, write_behind
from hopeworld.features.store import FeatureShard, ShardHeader, StoreError

PATIENCE_S = 20
HEADER = ShardHeader("abc", "random", "tubelet", "float32", "none", "{}")


def test_read_ahead_keeps_the_order_and_the_error():
    def read(number, factor):
        if number == 7:
            raise ValueError("seven")
        return number * factor

    reader = read_ahead(read, range(9), [2] * 9)
    assert [next(reader) for _ in range(7)] == [0, 2, 4, 6, 8, 10, 12]
    with pytest.raises(ValueError, match="seven"):
        next(reader)


def test_a_clip_is_read_while_one_is_encoded_while_one_is_written(tmp_path, monkeypatch):
    """Each stage waits, inside one of its clips, until the two others are inside one of theirs."""
    together = threading.Barrier(3, timeout=PATIENCE_S)

    def read(number):
        if number == 6:
            together.wait()
        return clip_frames(number)

    passes = []

    def encode(*_):
        passes.append(threading.current_thread())
        if len(passes) == 3:
            together.wait()

    def tracked(latents, *_):
        for done, latent in enumerate(latents):
            if done == 1:
                together.wait()
            yield latent

    monkeypatch.setattr("hopeworld.features.encoder.tracked", tracked)
    encoder = tiny_encoder("clip", batch=1)
    encoder.model.register_forward_pre_hook(encode)
    path = tmp_path / "00000.h5"
    write_features(path, HEADER, encoder, np.arange(9), read_ahead(read, range(9)))
    assert len(FeatureShard(path)) == len(passes) == 9
    assert set(passes) == {threading.main_thread()}


def test_items_come_in_order_and_few_of_them_wait():
    made, taken, most = [], [], []
    is_full = threading.Event()

    def make():
        for number in range(20):
            made.append(number)
            most.append(len(made) - len(taken))
            if len(made) == CLIPS_BEHIND:
                is_full.set()
            yield number

    def take(items):
        is_full.wait(PATIENCE_S)
        for item in items:
            taken.append(item)

    write_behind(take, make())
    assert taken == list(range(20))
    assert CLIPS_BEHIND <= max(most) <= CLIPS_BEHIND + 2


def test_an_error_of_the_items_is_raised_on_both_sides():
    seen = []

    def made():
        yield 1
        raise ValueError("no second item")

    def write(items):
        try:
            list(items)
        except ValueError as error:
            seen.append(str(error))
            raise

    with pytest.raises(ValueError, match="no second item"):
        write_behind(write, made())
    assert seen == ["no second item"]


def test_an_error_of_the_writer_ends_the_items(monkeypatch):
    monkeypatch.setattr(overlap, "LOOK_AGAIN_S", 0.001)
    made = []

    def endless():
        while True:
            made.append(1)
            yield 1

    def write(items):
        next(items)
        raise StoreError("the disk is gone")

    with pytest.raises(StoreError, match="the disk is gone"):
        write_behind(write, endless())
    assert len(made) <= CLIPS_BEHIND + 3


def test_an_interrupt_while_the_last_items_wait_lets_the_writer_end(monkeypatch):
    put, is_interrupted = overlap._put, threading.Event()

    def interrupted(queue, item, writing):
        if isinstance(item, overlap._End) and not is_interrupted.is_set():
            is_interrupted.set()
            raise KeyboardInterrupt
        return put(queue, item, writing)

    monkeypatch.setattr(overlap, "_put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_behind(list, range(3))


@pytest.mark.parametrize("stage", ["read", "encode", "write"])
def test_an_error_of_any_stage_leaves_nothing_behind(tmp_path, monkeypatch, stage):
    def fail(*_):
        raise StoreError(f"cannot {stage}")

    encoder = tiny_encoder()
    if stage == "encode":
        encoder.model.register_forward_pre_hook(fail)
    if stage == "write":
        monkeypatch.setattr("hopeworld.features.store.crc32c.crc32c", fail)
    read = fail if stage == "read" else clip_frames
    path = tmp_path / "features" / "00000.h5"
    write = partial(write_features, path, HEADER, encoder, np.arange(9))
    with pytest.raises(StoreError, match=f"cannot {stage}"):
        write(read_ahead(read, range(9)))
    assert not list(path.parent.glob("*.h5"))
