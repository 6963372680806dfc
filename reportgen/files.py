"""Checks whether files can be read or written, with one-line errors, and writes files atomically."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError, ReportgenError

MOST_LINKS = 40  # symbolic links in a chain; Linux has the same limit


def check_readable(path: Path, error: type[ReportgenError], wanted: str) -> None:
    """Raise `error` unless `path` is a readable regular file that is not empty; `wanted` says what was expected."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise error(f"{path}: {what}; expected {wanted}.")
        with path.open("rb") as file:
            if not file.read(1):
                raise error(f"{path}: the file is empty; expected {wanted}.")
    except (FileNotFoundError, NotADirectoryError) as cause:
        raise error(f"{path}: {how_missing(path)}; expected {wanted}.") from cause
    except (OSError, ValueError) as cause:
        raise error(f"{path}: cannot be read ({getattr(cause, 'strerror', None) or cause}).") from cause


def how_missing(path: Path) -> str:
    """Return in words that a file does not exist; of a symbolic link, what it leads to does not."""
    try:
        return f"a link to a missing file ({path.readlink()})"
    except (OSError, ValueError):
        return "no such file"


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; False for a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def place_of(path: Path) -> Path:
    """Return where writing to `path` puts a file or a folder: at `path`, or at the target if `path` is a symbolic link.

    Raises `OutputError` for a link owned by another user: in a folder that both can write to, it may be a trap that makes us
    replace its target.
    """
    place = path
    try:
        for _ in range(MOST_LINKS):
            if not place.is_symlink():
                return place.resolve() if place.name in ("", "..") else place.parent.resolve() / place.name
            if hasattr(os, "geteuid") and place.lstat().st_uid != os.geteuid():
                raise OutputError(f"{place}: another user's symbolic link; name its target, or choose another --output.")
            place = place.parent / place.readlink()
    except (OSError, ValueError, RuntimeError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause
    raise OutputError(f"{path}: too many symbolic links in a chain; choose another --output.")


def check_writable(path: Path, *inputs: Path | None) -> None:
    """Raise `OutputError` if `path` cannot be written or is one of `inputs`; called before any work is done."""
    place = place_of(path)
    try:
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: this is {'a folder' if path.is_dir() else 'not a regular file'}; name the file to write.")
        check_place(place if path.is_symlink() else path)
        if any(each is not None and each.exists() and path.exists() and path.samefile(each) for each in inputs):
            raise OutputError(f"{path}: the output would overwrite one of its inputs; choose another --output.")
    except (OSError, ValueError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause


def check_place(path: Path) -> None:
    """Raise `OutputError` unless the parent folder of `path` exists and is writable."""
    try:
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; create it, or choose another --output.")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise OutputError(f"{path}: the folder {path.parent} is not writable; choose another --output.")
    except (OSError, ValueError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then move it into place; raises `OutputError`.

    If `path` is a symbolic link owned by the user, its target is replaced. A file that is replaced keeps its mode.
    """
    check_writable(path)
    place = place_of(path)
    try:
        before = place.lstat() if place.exists() else None
        with _temporary_beside(place) as (descriptor, name):
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            give_mode(name, before)
            name.replace(place)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error


def give_mode(new: Path, before: os.stat_result | None) -> None:
    """Give a new file or folder the mode and group of the one it replaces; the default mode if it replaces nothing."""
    if before is None:
        new.chmod((0o777 if new.is_dir() else 0o666) & ~_umask())
        return
    mode = before.st_mode & 0o777
    try:
        if hasattr(os, "chown"):
            os.chown(new, -1, before.st_gid)
    except OSError:
        mode &= ~0o070  # the group could not be kept, and the mode's group permissions were not meant for another one
    new.chmod(mode)


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
