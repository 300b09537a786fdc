"""Moving pictures that every browser plays: small H.264 yuv420p files of some clips side by side.

The clips themselves are RGB H.264, which decoders read exactly and browsers do not play.
"""

from __future__ import annotations

import math
import os

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from hopeworld.files import atomic

GAP_PX = 4
TILE_PX = 256
SLOWER = 2
HOLD_S = 1.0
# Constant quality; one thread, so that the bytes are the same on every machine.
ENCODER = {"crf": "18", "preset": "medium", "threads": "1"}
# Rows Y, Cb, Cr in 1/256, with their offsets: BT.601, 16 to 235 and 16 to 240.
BT601 = np.array([[66, 129, 25], [-38, -74, 112], [112, -94, -18]], np.int32)
OFFSETS = np.array([16, 128, 128], np.int32)


def enlarged(frames: np.ndarray) -> np.ndarray:
    """Repeat the pixels of frames [..., H, W, 3] so often that a side comes near 256."""
    times = max(1, round(TILE_PX / frames.shape[-2]))
    return frames.repeat(times, axis=-3).repeat(times, axis=-2)


def mosaic(clips: np.ndarray) -> np.ndarray:
    """Clips [n, F, H, W, 3] on a white grid [F, H', W', 3], row by row; both sides are even."""
    count, frames, height, width, _ = clips.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    size = (down * (height + GAP_PX) - GAP_PX, across * (width + GAP_PX) - GAP_PX)
    canvas = np.full((frames, *size, 3), 255, np.uint8)
    for index, clip in enumerate(clips):
        top, left = (height + GAP_PX) * (index // across), (width + GAP_PX) * (index % across)
        canvas[:, top : top + height, left : left + width] = clip
    return canvas


def yuv420(frame: np.ndarray) -> np.ndarray:
    """A frame [H, W, 3] in RGB as planes [3/2 H, W] of YUV 4:2:0; H and W are even.

    In whole numbers: FFmpeg rounds otherwise where a frame stands elsewhere in memory.
    """
    height, width, _ = frame.shape
    planes = (frame.astype(np.int32) @ BT601.T + 128 >> 8) + OFFSETS
    squares = planes[..., 1:].reshape(height // 2, 2, width // 2, 2, 2)
    chroma = squares.sum(axis=(1, 3)) + 2 >> 2
    parts = [planes[..., 0], chroma[..., 0], chroma[..., 1]]
    return np.concatenate([part.ravel() for part in parts]).astype(np.uint8).reshape(-1, width)


def write_preview(path: str | os.PathLike, clips: np.ndarray, frame_hz: int) -> None:
    """Write clips [n, F, H, W, 3] as one video, `SLOWER` times slower; the last frame stays."""
    frames, rate = mosaic(enlarged(clips)), max(1, frame_hz // SLOWER)
    held = [*frames, *[frames[-1]] * round(HOLD_S * rate)]
    faststart = {"movflags": "+faststart"}
    with atomic(path) as part, av.open(str(part), "w", options=faststart) as container:
        stream = container.add_stream("libx264", rate=rate, options=ENCODER)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = Colorspace.SMPTE170M
        stream.codec_context.color_range = ColorRange.MPEG
        for frame in held:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(yuv420(frame), "yuv420p")))
        container.mux(stream.encode(None))
