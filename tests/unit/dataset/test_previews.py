"""Browsers can play the previews; the GIF and the sheets show what they say."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image
from tests.figure_inputs import FIGURES
from tests.tiny_clips import CAMERA
from tests.tiny_dataset import PARTS, PREVIEW_CLIPS

from hopeworld.dataset import sheets
from hopeworld.dataset.parts import copy_part, parts_of
from hopeworld.dataset.previews import enlarged, mosaic, yuv420
from hopeworld.figures import style


@pytest.fixture(scope="module")
def examples(published, tmp_path_factory):
    part = next(p for p in parts_of(published.job.shards) if p.name == "probe_B")
    return copy_part(part, tmp_path_factory.mktemp("part"), PREVIEW_CLIPS, lambda count: None)[1]


@pytest.mark.parametrize("name", PARTS)
def test_a_preview_is_what_browsers_play(published, name):
    path = published.folder / "previews" / f"{name}.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.width % 2 == stream.height % 2 == 0
        assert float(stream.average_rate) == 6
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 16 + 6
    raw = path.read_bytes()
    assert 0 < raw.find(b"moov") < raw.find(b"mdat")


def test_a_preview_shows_its_clips(published, examples):
    path = published.folder / "previews" / "probe_B.mp4"
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    expected = mosaic(enlarged(examples.frames))
    shown = np.stack(frames)
    assert shown.shape[1:] == expected.shape[1:]
    assert np.abs(shown[:16].astype(int) - expected).mean() < 3
    assert np.abs(shown[-1].astype(int) - expected[-1]).mean() < 3


@pytest.mark.parametrize("count", range(1, 8))
def test_a_mosaic_has_room_for_all_and_even_sides(count):
    clips = np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None, None]
    picture = mosaic(np.broadcast_to(clips, (count, 2, 32, 32, 3)))
    assert set(np.unique(picture)) - {255} == set(range(1, count + 1))
    assert picture.shape[1] % 2 == picture.shape[2] % 2 == 0
    assert [(picture[0, ..., 0] == i).sum() for i in range(1, count + 1)] == [32 * 32] * count


@pytest.mark.parametrize(("side", "times"), [(32, 8), (96, 3), (144, 2), (256, 1), (512, 1)])
def test_enlarging_repeats_pixels(side, times):
    frames = np.random.default_rng(0).integers(0, 255, (2, side, side, 3), np.uint8)
    large = enlarged(frames)
    assert large.shape == (2, times * side, times * side, 3)
    assert (large[:, ::times, ::times] == frames).all()


def test_the_gif_moves_for_ever_and_is_small(published):
    path = published.folder / "previews" / "pairs.gif"
    assert path.stat().st_size < 1e6
    with Image.open(path) as gif:
        assert gif.info["loop"] == 0
        assert gif.n_frames > 8
        first = np.asarray(gif.convert("RGB"), int)
        gif.seek(gif.n_frames - 1)
        last = np.asarray(gif.convert("RGB"), int)
    assert gif.width < 1100
    side = (gif.width - 28) // 4
    halves = [slice(0, side), slice(side + 4, 2 * side + 4)]
    before, after = ([picture[20:, half] for half in halves] for picture in (first, last))
    assert (before[0] == before[1]).all()
    assert np.abs(after[0] - after[1]).max() > 50


def test_a_sheet_says_and_shows_its_clips(examples):
    with style.styled(FIGURES):
        figure = sheets.compose(examples, CAMERA, FIGURES)
    axis = figure.axes[0]
    labels = [text.get_text() for text in axis.get_yticklabels()]
    assert len(labels) == PREVIEW_CLIPS
    for row, label in enumerate(labels):
        assert label.startswith(f"clip {row}: {examples.columns['shape'][row]}")
        assert f"at {examples.columns['onset'][row]}" in label
    assert [int(text.get_text()) for text in axis.get_xticklabels()] == list(sheets.SHOWN)
    assert axis.get_title(loc="left") == "split probe, domain B"
    assert figure.get_figwidth() == FIGURES.text_width_in


def test_the_arrow_starts_at_the_object(examples):
    for row in range(PREVIEW_CLIPS):
        onset = examples.columns["onset"][row]
        tail, head = sheets.force_arrow(examples, row, CAMERA)
        assert tail == pytest.approx(examples.columns["pixel"][row, onset])
        path = examples.columns["pixel"][row, -1] - tail
        arrow = head - tail
        cosine = path @ arrow / np.linalg.norm(path) / np.linalg.norm(arrow)
        assert cosine > 0.95


def test_colours_are_those_of_the_standard_and_never_out_of_range():
    white, black, red = [255, 255, 255], [0, 0, 0], [255, 0, 0]
    for colour, planes in ((white, (235, 128, 128)), (black, (16, 128, 128)), (red, (82, 90, 240))):
        frame = np.broadcast_to(np.array(colour, np.uint8), (4, 6, 3))
        expected = np.repeat(np.array(planes, np.uint8), [24, 6, 6]).reshape(6, 6)
        np.testing.assert_array_equal(yuv420(frame), expected)
