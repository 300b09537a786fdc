"""One file over HTTP, continued where an earlier attempt stopped. Standard library only.

Not huggingface_hub: it begins every file anew in a new process (its issue 4196).
"""

from __future__ import annotations

import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from hopeworld.files import FULL
from hopeworld.progress import Progress

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 30.0
ATTEMPTS = 5
PAUSE_S = 2.0
MEGABYTE = 1_000_000


class WrongSize(OSError):
    """The server has a file of another size."""


def download(url: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks of the `size` bytes at `url`, with a line every few seconds.

    A connection that breaks is made again, up to ATTEMPTS times without a new byte. One that fails
    before the first byte is an error at once. A kill at any time leaves a `part` to continue.

    Raises:
        OSError: or `HTTPException`, of the last attempt.
    """
    name, have = url.rpartition("/")[2], length(part)
    progress = Progress(f"weights: {name}", size, "MB", MEGABYTE)
    progress.say(f"{have / MEGABYTE:.1f} of {size / MEGABYTE:.1f} MB are here")
    progress.start(have)
    failures = 0
    while (before := length(part)) < size:
        reason: Exception = ConnectionError("the connection was closed early")
        try:
            _continue(url, part, size, progress)
        except (OSError, HTTPException) as error:
            if progress.rate == 0 or _is_final(error):
                raise
            reason = error
        failures = 0 if length(part) > before else failures + 1
        if failures == ATTEMPTS:
            raise reason
        if length(part) < size:
            pause_s = PAUSE_S * 2**failures
            here = f"{length(part) / MEGABYTE:.1f} MB"
            progress.say(f"{reason}; continuing at {here} in {pause_s:g} s")
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
            progress.start(0)
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
