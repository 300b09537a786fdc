"""Reading ahead and writing behind: a thread on either side of the one that computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Full, Queue
from typing import TypeVar

CLIPS_AHEAD = 4
CLIPS_BEHIND = 4
LOOK_AGAIN_S = 0.1

Item = TypeVar("Item")


@dataclass(frozen=True)
class _End:
    """No more items: all were made, or making one failed."""

    error: BaseException | None = None


def read_ahead(read: Callable[..., Item], *arguments: Iterable) -> Iterator[Item]:
    """Yield `read(...)` in order, as `map` does, while one thread reads the next few."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future] = deque()
        for call in zip(*arguments, strict=True):
            waiting.append(pool.submit(read, *call))
            if len(waiting) > CLIPS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def write_behind(write: Callable[[Iterator[Item]], None], items: Iterable[Item]) -> None:
    """Make `items` here, one by one, while a thread runs `write` on an iterator over them.

    At most `CLIPS_BEHIND` wait for it. An error in making an item is raised in the iterator, so
    that `write` cleans up, and then here. An error of `write` is raised here once the item in the
    making is made.
    """
    queue: Queue[Item | _End] = Queue(CLIPS_BEHIND)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, _taken(queue))
        try:
            for item in items:
                if not _put(queue, item, writing):
                    break
            _put(queue, _End(), writing)
        except BaseException as error:
            _put(queue, _End(error), writing)
            raise
    writing.result()


def _put(queue: Queue, item: object, writing: Future) -> bool:
    """Hand an item over, as soon as there is room; False if nobody takes any more."""
    while not writing.done():
        try:
            queue.put(item, timeout=LOOK_AGAIN_S)
            return True
        except Full:
            continue
    return False


def _taken(queue: Queue) -> Iterator:
    while not isinstance(item := queue.get(), _End):
        yield item
    if item.error is not None:
        raise item.error
