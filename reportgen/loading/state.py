"""The state of a file or folder, to detect that it was changed or replaced while it was read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import ModelError
from ..files import is_folder

State = tuple[tuple[str, tuple[int, ...]], ...]


def state_of(path: Path) -> State:
    """Return which file or folder lies at `path`, and when it and everything in it last changed; empty if there is none.

    Not even its owner can set back the time at which a file's content or attributes changed.
    """
    return tuple(_states(path))


def check_unchanged(path: Path, before: State) -> None:
    """Raise `ModelError` unless what lies at `path` is in the same state as before."""
    if state_of(path) != before:
        raise ModelError(f"{path}: it changed while it was being read, and was not used. Try again once it no longer changes.")


def _states(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    inside = os.walk(path) if is_folder(path) else ()
    for place in (path, *(Path(folder, name) for folder, folders, names in inside for name in (*folders, *names))):
        for follow in (True, False):  # a link, and what it leads to
            try:
                found = place.stat(follow_symlinks=follow)
            except (OSError, ValueError):
                continue  # a link to nowhere, or a name that no file can have
            kind = (found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            yield str(place), kind
