"""How far work that takes a while has come, told to whoever asked to hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# (name of the work, how much is done, how much there is)
Watcher = Callable[[str, int, int], None]
_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """While this lasts, `watcher` is called each time work in this thread has come further."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def advance(name: str, done: int, of: int) -> None:
    """Say that `done` of the work's `of` parts are done."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher(name, done, of)
