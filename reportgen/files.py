"""Writing: the whole file or none of it, and the older one stays until the new one is complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError


def check_writable(path: Path) -> None:
    """Raise `OutputError` where `path` could not be written, before any work is done for it."""
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; name the file to write in it.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first, or choose another --output.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {path.parent} cannot be written to; choose another --output.")


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then move it into place; raises `OutputError`."""
    check_writable(path)
    try:
        with _temporary_beside(path) as (descriptor, name):
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            name.chmod(0o666 & ~_umask())
            name.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error


@contextmanager
def _temporary_beside(path: Path) -> Iterator[tuple[int, Path]]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
    try:
        yield descriptor, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
