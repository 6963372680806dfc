"""The cache between runs in the user's cache folder: small files named by a digest, the least recently used evicted first."""

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
LARGEST = 2_000_000  # bytes of one file
SUFFIX = ".kept"
CHECKSUM = 32  # bytes before the content


def cache_folder() -> Path:
    """Return the cache folder, which may not exist."""
    asked = os.environ.get(PLACE)
    if asked:
        return Path(asked)
    from platformdirs import user_cache_path

    return user_cache_path("reportgen", appauthor=False)


def kept(key: str) -> bytes | None:
    """Return the content stored under `key`, a hexadecimal digest; None if there is none or its checksum does not match."""
    path = _place_of(key)
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        found = path.read_bytes()
        checksum, content = found[:CHECKSUM], found[CHECKSUM:]
        if hashlib.sha256(key.encode() + content).digest() != checksum:
            return None
        os.utime(path)  # marks it as just used
    except (OSError, ValueError):
        return None
    return content


def keep(contents: dict[str, bytes]) -> None:
    """Store contents by their keys, writing each file atomically; does nothing if the folder cannot be written to."""
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
    """Return the number of cached files and their total size in bytes."""
    sizes = [size for _, size, _ in _files()]
    return len(sizes), sum(sizes)


def clear_cache() -> tuple[int, int]:
    """Empty the cache; return the number of files removed and their total size in bytes."""
    before = size_of_cache()
    _let_go(0)
    after = size_of_cache()
    return before[0] - after[0], before[1] - after[1]


def _let_go(most: int) -> None:
    """Remove the least recently used files until the rest take at most `most` bytes."""
    files = sorted(_files())
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= most:
            return
        with suppress(OSError):  # another process removed it first, or we lack the permission
            path.unlink()
        total -= size


def _files() -> Iterator[tuple[int, int, Path]]:
    """Yield (time of last use, bytes, path) for each cached file."""
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
