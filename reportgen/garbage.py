"""Keeps Python's garbage collector from walking the objects of TensorFlow, a million that live as long as the process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_ours = False


def process_is_ours() -> None:
    """Say that this process runs nothing but our own command line, so that we may decide what is never collected."""
    global _ours
    _ours = True


@contextmanager
def without_collection() -> Iterator[None]:
    """While this lasts, nothing is collected; in a process of ours, what exists at its end never will be.

    Creating many objects makes Python look again and again for those that nobody needs any more: a fifth of the time of importing
    TensorFlow. A program that uses us as a library may have objects of its own that it expects to be collected later.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        if _ours:
            gc.freeze()
    finally:
        if enabled:
            gc.enable()
