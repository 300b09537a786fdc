"""The log of a job: everything it prints, and its last word. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_to(path: str | os.PathLike) -> Iterator[None]:
    """Send what the block prints (C libraries included) to `path`, one line per warning.

    An exception becomes one line, last in the log and shown on the terminal, and exit status 1.
    Errors of this package say all that is needed; of any other the log keeps the traceback.

    Raises:
        SystemExit: the block raised an exception.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    failure = None
    with _redirected(path), warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            yield
        except Exception as error:
            if not _is_ours(error):
                traceback.print_exc()
            failure = describe(error)
            print(failure, file=sys.stderr)
    if failure:
        print(f"{failure} (log: {path})", file=sys.stderr, flush=True)
        raise SystemExit(1)


def describe(error: Exception) -> str:
    """One line that says what went wrong, with the type where the message was not made for it."""
    message = " ".join(str(error).split())
    return f"error: {message}" if _is_ours(error) else f"error: {type(error).__name__}: {message}"


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] == __package__


@contextlib.contextmanager
def _redirected(path: str | os.PathLike) -> Iterator[None]:
    """Point the file descriptors 1 and 2 of this process at `path`, and back again."""
    kept = [os.dup(1), os.dup(2)]
    _flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        _flush()
        for target, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, target)
            os.close(descriptor)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
) -> None:
    place = f"{Path(filename).name}:{lineno}"
    print(f"warning: {category.__name__}: {message} ({place})", file=sys.stderr)
