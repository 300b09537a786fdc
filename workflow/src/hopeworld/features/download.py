"""One file over HTTP, continued where an earlier attempt stopped. Standard library only.

Not huggingface_hub: it begins every file anew in a new process (its issue 4196).
"""

from __future__ import annotations

import datetime
import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from hopeworld.files import FULL

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 30.0
ATTEMPTS = 5
PAUSE_S = 2.0
SECONDS_BETWEEN_LINES = 5.0


class WrongSize(OSError):
    """The server has a file of another size."""


def download(url: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks of the `size` bytes at `url`, with a line every few seconds.

    A connection that breaks is made again, up to ATTEMPTS times without a new byte. One that fails
    before the first byte is an error at once. A kill at any time leaves a `part` to continue.

    Raises:
        OSError: or `HTTPException`, of the last attempt.
    """
    progress = Progress(url.rpartition("/")[2], length(part), size)
    failures = 0
    while (before := length(part)) < size:
        reason: Exception = ConnectionError("the connection was closed early")
        try:
            _continue(url, part, size, progress)
        except (OSError, HTTPException) as error:
            if not progress.received or _is_final(error):
                raise
            reason = error
        failures = 0 if length(part) > before else failures + 1
        if failures == ATTEMPTS:
            raise reason
        if length(part) < size:
            pause_s = PAUSE_S * 2**failures
            progress.say(f"{reason}; continuing at {length(part) / 1e6:.1f} MB in {pause_s:g} s")
            time.sleep(pause_s)


def length(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _continue(url: str, part: Path, size: int, progress: Progress) -> None:
    """Ask for the rest of the file and append it; a server without ranges sends all of it."""
    have = length(part)
    headers = {"User-Agent": "hopeworld"} | ({"Range": f"bytes={have}-"} if have else {})
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT_S) as response:
        is_rest = response.status == 206
        _check_size(response, is_rest, size)
        if not is_rest:
            progress.restart()
        with part.open("ab" if is_rest else "wb", buffering=0) as stream:
            while block := response.read1(BLOCK_BYTES):
                stream.write(block)
                progress.count(len(block))


def _check_size(response: HTTPResponse, is_rest: bool, size: int) -> None:
    stated = response.headers["Content-Range" if is_rest else "Content-Length"] or ""
    total = stated.rpartition("/")[2]
    if total.isdigit() and int(total) != size:
        raise WrongSize(f"{total} bytes at {response.url}, {size} expected")


def _is_final(error: Exception) -> bool:
    """Whether another attempt is of no use."""
    refused = isinstance(error, HTTPError) and error.code < 500 and error.code not in (408, 429)
    is_full = isinstance(error, OSError) and error.errno in FULL
    return refused or is_full or isinstance(error, WrongSize)


class Progress:
    """Whole lines about a running download, one every few seconds."""

    def __init__(self, name: str, have: int, size: int):
        self._name, self._done, self._size = name, have, size
        self.received = 0
        self._began = self._spoke = time.monotonic()
        self.say(f"{have / 1e6:.1f} of {size / 1e6:.1f} MB are here")

    def say(self, words: str) -> None:
        """Write one line."""
        print(f"weights: {self._name}: {words}", flush=True)

    def restart(self) -> None:
        """Count from the first byte again."""
        self._done = 0

    def count(self, received: int) -> None:
        """Count some bytes, and write a line if the last is old enough or all are there."""
        self._done += received
        self.received += received
        now = time.monotonic()
        if now - self._spoke < SECONDS_BETWEEN_LINES and self._done < self._size:
            return
        self._spoke = now
        rate = self.received / max(now - self._began, 1e-9)
        left = datetime.timedelta(seconds=round((self._size - self._done) / rate))
        megabytes = f"{self._done / 1e6:.1f} of {self._size / 1e6:.1f} MB"
        self.say(f"{megabytes}  {rate / 1e6:.1f} MB/s  left {left}")
