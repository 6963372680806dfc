"""Folders of files written whole or not at all, over nothing but an older one of the same make."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import OutputError
from .files import check_place

IsOurs = Callable[[Path], bool]


def check_folder_writable(path: Path, is_ours: IsOurs, *inputs: Path | None) -> None:
    """Raise `OutputError` unless a folder may be written at `path`: nothing stands there, or an empty folder, or one of ours.

    And none of `inputs` lies in it.
    """
    check_place(path)
    try:
        if path.exists() and not (path.is_dir() and (is_ours(path) or not any(path.iterdir()))):
            raise OutputError(f"{path}: something other than a report's folder stands there; choose another --output.")
        if any(each is not None and each.resolve().is_relative_to(path.resolve()) for each in inputs):
            raise OutputError(f"{path}: the report would overwrite what it is made from; choose another --output.")
    except (OSError, ValueError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause


def write_folder(path: Path, files: Mapping[str, bytes], is_ours: IsOurs) -> None:
    """Write `files`, by their names inside the folder, into a new folder beside `path`, then move it into place.

    An older folder of ours goes only when the new one is whole; raises `OutputError`.
    """
    check_folder_writable(path, is_ours)
    path = path.resolve()
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp") as beside:
            made = Path(beside)
            for name, content in files.items():
                file = made / "new" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            _swap(path, made / "new", made / "old")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error


def _swap(path: Path, new: Path, old: Path) -> None:
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
