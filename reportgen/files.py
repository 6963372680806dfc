"""Files: what can be read, told in one line where it cannot; and writing the whole file or none of it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError, ReportgenError


def check_readable(path: Path, error: type[ReportgenError], wanted: str) -> None:
    """Raise `error` unless `path` is an ordinary file with something in it that we may read; `wanted` says what was expected."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
            raise error(f"{path}: {what}; expected {wanted}.")
        with path.open("rb") as file:
            if not file.read(1):
                raise error(f"{path}: the file is empty; expected {wanted}.")
    except (FileNotFoundError, NotADirectoryError) as cause:
        raise error(f"{path}: no such file; expected {wanted}.") from cause
    except (OSError, ValueError) as cause:
        raise error(f"{path}: cannot be read ({getattr(cause, 'strerror', None) or cause}).") from cause


def is_folder(path: Path) -> bool:
    """Whether there is a folder; a name that none could have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_writable(path: Path, *inputs: Path | None) -> None:
    """Raise `OutputError` where `path` could not be written, or is one of `inputs`, before any work is done for it."""
    try:
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: this is {'a folder' if path.is_dir() else 'no ordinary file'}; name the file to write.")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first, or choose another --output.")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise OutputError(f"{path}: the folder {path.parent} cannot be written to; choose another --output.")
        if any(each is not None and each.exists() and path.exists() and path.samefile(each) for each in inputs):
            raise OutputError(f"{path}: the report would overwrite what it is made from; choose another --output.")
    except (OSError, ValueError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then move it into place; raises `OutputError`.

    Where `path` is a symbolic link, what it points to is replaced.
    """
    check_writable(path)
    path = path.resolve()
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
