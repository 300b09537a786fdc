"""The log of a job: everything it prints, and its last word. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from hopeworld.files import DiskFull, NotWritable, write_error_named
from hopeworld.progress import bars_on
from hopeworld.stopping import Stopped, stoppable

LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


@contextlib.contextmanager
def written_to(path: str | os.PathLike) -> Iterator[None]:
    """Send what the block prints (C libraries included) to `path`, one line per warning.

    An exception becomes one line, last in the log and shown on the terminal, and exit status 1;
    SIGTERM and Ctrl-C too, with the exit status of their signal. Errors of this package say all
    that is needed; of any other the log keeps the traceback.

    Raises:
        SystemExit: the block raised an exception, or was told to stop.
    """
    failure = None
    try:
        with _opened(path) as log, _redirected(log), stoppable(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                with write_error_named(path, "the log"):
                    yield
            except (Exception, Stopped) as error:
                failure = error
                _tell(error)
    except (DiskFull, NotWritable, Stopped) as error:
        failure = failure or error
    if failure:
        print(f"{describe(failure)} (log: {path})", file=sys.stderr, flush=True)
        raise SystemExit(failure.status if isinstance(failure, Stopped) else 1)


def _tell(error: BaseException) -> None:
    """Write the reason of a failure into the log, if there is room for it."""
    with contextlib.suppress(OSError):
        if not _is_ours(error):
            traceback.print_exception(error)
        print(describe(error), file=sys.stderr)


def describe(error: BaseException) -> str:
    """One line that says what went wrong; type and place where the message was not made for it."""
    message = " ".join(str(error).split())
    if _is_ours(error):
        return f"error: {message}"
    return f"error: {type(error).__name__}: {message}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where in this package or its script an error came up, libraries aside."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((*LIBRARIES, "<"))]
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] == __package__


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator[int]:
    """A descriptor that appends to the log."""
    with write_error_named(path, "the log"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        yield log
    finally:
        os.close(log)


@contextlib.contextmanager
def _redirected(log: int) -> Iterator[None]:
    """Point the file descriptors 1 and 2 of this process at a log, and back again."""
    _flush()
    kept = [os.dup(1), os.dup(2)]
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        with bars_on(kept[1]):
            yield
    finally:
        _flush()
        for target, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, target)
            os.close(descriptor)


def _flush() -> None:
    """Write what was printed; what a full disk does not take is shown on the terminal later."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
) -> None:
    place = f"{Path(filename).name}:{lineno}"
    print(f"warning: {category.__name__}: {message} ({place})", file=sys.stderr)
