"""Clips: bit-exact through both readers, the same bytes, and clear errors."""

import numpy as np
import pytest

from hopeworld.video import clips
from hopeworld.video.clips import ClipError, clip_path, read_clip, read_with_pyav, write_clip


def noise(count=16, size=64):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


@pytest.fixture
def clip(tmp_path):
    path = clip_path(tmp_path / "00000", 12)
    write_clip(path, noise(), 12)
    return path


def test_decoding_is_bit_exact(clip):
    assert clip.name == "000012.mp4"
    assert (read_clip(clip) == noise()).all()
    assert (read_with_pyav(clip) == noise()).all()


def test_decord_and_pyav_agree(clip):
    pytest.importorskip("decord")
    assert (clips.read_with_decord(clip) == read_with_pyav(clip)).all()


def test_pyav_reads_where_decord_is_absent(clip, monkeypatch):
    monkeypatch.setattr(clips, "decord", None)
    assert (read_clip(clip) == noise()).all()


def test_flat_frames_are_bit_exact_too(tmp_path):
    frames = np.repeat(noise(1, 128) // 8 + 100, 16, axis=0)
    write_clip(tmp_path / "a.mp4", frames, 12)
    assert (read_clip(tmp_path / "a.mp4") == frames).all()


def test_same_frames_same_bytes(clip, tmp_path):
    write_clip(tmp_path / "again.mp4", noise(), 12)
    assert (tmp_path / "again.mp4").read_bytes() == clip.read_bytes()
    assert [path.name for path in clip.parent.iterdir()] == ["000012.mp4"]


def _overwritten(content, box):
    """64 bytes of a box of an mp4 replaced."""
    at = content.index(box) + len(box)
    return content[:at] + b"\xff" * 64 + content[at + 64 :]


@pytest.mark.parametrize("reader", [read_clip, read_with_pyav])
def test_broken_clips_are_named(clip, reader):
    whole = clip.read_bytes()
    overwritten = [_overwritten(whole, box) for box in (b"mdat", b"avcC", b"stsz", b"hdlr")]
    for content in (whole[: len(whole) // 2], b"", b"not a video" * 100, *overwritten):
        clip.write_bytes(content)
        with pytest.raises(ClipError, match=r"000012\.mp4: (not readable|has 0 fr).*clips repair"):
            reader(clip)


@pytest.mark.parametrize("reader", [read_clip, read_with_pyav])
@pytest.mark.parametrize("count", [15, 17])
def test_a_wrong_frame_count_is_named(tmp_path, reader, count):
    write_clip(tmp_path / "short.mp4", noise(count), 12)
    with pytest.raises(ClipError, match=rf"short\.mp4: has {count} frames, not 16"):
        reader(tmp_path / "short.mp4")


def test_a_missing_clip_is_named(tmp_path):
    with pytest.raises(ClipError, match="no such clip"):
        read_clip(tmp_path / "none.mp4")


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="shape"):
        write_clip(tmp_path / "bad.mp4", noise()[..., :2], 12)
    assert not list(tmp_path.iterdir())
