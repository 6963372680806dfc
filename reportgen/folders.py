"""Writes folders of files atomically, replacing only an older folder of the same kind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import OutputError
from .files import check_place, give_mode, place_of

IsOurs = Callable[[Path], bool]


def check_folder_writable(path: Path, is_ours: IsOurs, *inputs: Path | None) -> None:
    """Raise `OutputError` unless a folder may be written at `path`: nothing exists there, or an empty folder, or one of ours.

    None of `inputs` may lie in it.
    """
    place = place_of(path)
    check_place(place if path.is_symlink() else path)
    try:
        if path.exists() and not (path.is_dir() and (is_ours(path) or not any(path.iterdir()))):
            raise OutputError(f"{path}: this exists and is not a folder that reportgen wrote; choose another --output.")
        if any(each is not None and each.resolve().is_relative_to(place) for each in inputs):
            raise OutputError(f"{path}: the output would overwrite one of its inputs; choose another --output.")
    except (OSError, ValueError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause


def write_folder(path: Path, files: Mapping[str, bytes], is_ours: IsOurs) -> None:
    """Write `files`, by their names inside the folder, into a new folder beside `path`, then move it into place.

    An older folder of ours is removed only when the new one is complete, and the new one keeps its modes. Raises `OutputError`.
    """
    check_folder_writable(path, is_ours)
    place = place_of(path)
    try:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name[:40]}.", suffix=".tmp") as beside:
            made = Path(beside)
            for name, content in files.items():
                file = made / "new" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            if place.exists():
                _keep_modes(place, made / "new")
            _swap(place, made / "new", made / "old")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error


def _keep_modes(old: Path, new: Path) -> None:
    """Give the new folder the mode of the old one, and its content the most restrictive mode found in the old folder."""
    for kind in (Path.is_file, Path.is_dir):
        modes = [path.stat() for path in sorted(old.rglob("*")) if kind(path)]
        least = min(modes, key=lambda status: (status.st_mode & 0o777).bit_count(), default=None)
        for path in new.rglob("*"):
            if least is not None and kind(path):
                give_mode(path, least)
    give_mode(new, old.stat())


def _swap(path: Path, new: Path, old: Path) -> None:
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
