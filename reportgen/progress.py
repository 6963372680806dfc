"""Reports the progress of long-running work to a watcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# (name of the work, how much is done, how much there is)
Watcher = Callable[[str, int, int], None]
_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Call `watcher` on each progress of work in this thread, as long as the context lasts."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def advance(name: str, done: int, of: int) -> None:
    """Tell the watcher, if there is one, that `done` of the `of` parts of the work are done."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher(name, done, of)
