"""Clips as files: lossless RGB H.264, one mp4 per clip, the same bytes every time.

yuv420p would cost 30 dB exactly on the moving object; this is bit-exact at 15 KiB per clip.
Read with decord where it is installed, else with PyAV: the same pixels.
"""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np

from hopeworld.files import atomic, study_of
from hopeworld.settings import CLIP_FRAMES
from hopeworld.simulation.table import digest

try:
    import decord
except ImportError:
    decord = None

ENCODER = {"qp": "0", "threads": "1"}


class ClipError(ValueError):
    """A clip file that is missing, truncated or not a clip."""

    def __init__(self, path: str | os.PathLike, problem: object):
        repair = f"hopeworld clips repair {study_of(path, 4)}"
        super().__init__(f"{path}: {problem}; run `{repair}`, or delete its shard and run again")


def clip_path(folder: str | os.PathLike, index: int) -> Path:
    """Where clip `index` of a split lies in the folder of its shard."""
    return Path(folder) / f"{index:06d}.mp4"


def write_clip(path: str | os.PathLike, frames: np.ndarray, frame_hz: int) -> None:
    """Write frames uint8 [F, H, W, 3] to an mp4 at a constant `frame_hz`, atomically.

    Raises `DiskFull`, `NotWritable`.
    """
    with atomic(path, "the clip") as part, av.open(str(part), "w") as container:
        stream = container.add_stream("libx264rgb", rate=frame_hz, options=ENCODER)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def read_clip(path: str | os.PathLike) -> np.ndarray:
    """Read a clip as uint8 [16, H, W, 3]; raise ClipError where it is missing or not whole."""
    if not os.path.isfile(path):
        raise ClipError(path, "no such clip")
    return read_with_pyav(path) if decord is None else read_with_decord(path)


def require_frames(path: str | os.PathLike, frames: np.ndarray, sha256: str) -> None:
    """Raise ClipError unless frames are, bit for bit, those of the digest in their table."""
    if digest(frames) != sha256:
        raise ClipError(path, "pixels differ from the frames_sha256 of its table")


def read_with_decord(path: str | os.PathLike) -> np.ndarray:
    """Read a clip with decord; the frames are counted first, or decord would wait for ever."""
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
        _require_whole(path, len(reader))
        return reader.get_batch(range(CLIP_FRAMES)).asnumpy()
    except (RuntimeError, decord.DECORDError) as error:
        raise ClipError(path, f"not readable ({_first_line(error)})") from error


def read_with_pyav(path: str | os.PathLike) -> np.ndarray:
    """Read a clip with PyAV: the same pixels as decord."""
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (av.FFmpegError, IndexError, UnicodeDecodeError) as error:
        raise ClipError(path, f"not readable ({_first_line(error)})") from error
    _require_whole(path, len(frames))
    return np.stack(frames)


def _require_whole(path: str | os.PathLike, count: int) -> None:
    if count != CLIP_FRAMES:
        raise ClipError(path, f"has {count} frames, not {CLIP_FRAMES}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
