"""What is kept between runs in the user's cache folder: small files under a digest, the least recently used let go first."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .errors import OutputError
from .files import write_atomically

PLACE = "REPORTGEN_CACHE"  # the environment variable that names another folder
MOST = 500_000_000  # bytes of all files together
LARGEST = 2_000_000  # bytes of one
SUFFIX = ".kept"
CHECKSUM = 32  # bytes in front of the content


def cache_folder() -> Path:
    """Where everything is kept; it may not exist."""
    asked = os.environ.get(PLACE)
    if asked:
        return Path(asked)
    from platformdirs import user_cache_path

    return user_cache_path("reportgen", appauthor=False)


def kept(key: str) -> bytes | None:
    """What was kept under `key`, a hexadecimal digest; None where there is nothing, or something that was not kept whole."""
    path = _place_of(key)
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        found = path.read_bytes()
        checksum, content = found[:CHECKSUM], found[CHECKSUM:]
        if hashlib.sha256(key.encode() + content).digest() != checksum:
            return None
        os.utime(path)  # it was used just now
    except (OSError, ValueError):
        return None
    return content


def keep(contents: dict[str, bytes]) -> None:
    """Keep contents by their keys, each file written whole or not at all; nothing where the folder cannot be written to."""
    try:
        folder = cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, content in contents.items():
            checksum = hashlib.sha256(key.encode() + content).digest()
            write_atomically(_place_of(key), checksum + content)
    except (OutputError, OSError, ValueError, RuntimeError):
        return
    _let_go(MOST)


def size_of_cache() -> tuple[int, int]:
    """How many things are kept, and their bytes."""
    sizes = [size for _, size, _ in _files()]
    return len(sizes), sum(sizes)


def clear_cache() -> tuple[int, int]:
    """Let go of everything; how many things that were, and their bytes."""
    before = size_of_cache()
    _let_go(0)
    after = size_of_cache()
    return before[0] - after[0], before[1] - after[1]


def _let_go(most: int) -> None:
    """Remove the files that were used least recently until the others take up to `most` bytes."""
    files = sorted(_files())
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= most:
            return
        with suppress(OSError):  # another process was faster, or may do what we may not
            path.unlink()
        total -= size


def _files() -> Iterator[tuple[int, int, Path]]:
    """(when it was last used, bytes, path) of everything kept."""
    try:
        paths = [path for path in cache_folder().iterdir() if path.name.endswith((SUFFIX, ".tmp"))]
    except (OSError, ValueError, RuntimeError):
        return
    for path in paths:
        with suppress(OSError):
            status = path.lstat()
            yield status.st_mtime_ns, status.st_size, path


def _place_of(key: str) -> Path:
    return cache_folder() / f"{key}{SUFFIX}"
