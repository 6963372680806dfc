"""The files beside the reports of a site that was made with `--folder`: their style, their script and their pictures.

The reports of a model share one folder, so that a picture that many of them show, such as that of the filters, is stored once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import OutputError
from ..page.folder import PICTURE, SCRIPT, STYLE
from .layout import REPORTS, write_in

# in a page of ours, a name within quotes cannot come from a text: there, quotes are escaped
NAMED = re.compile(rb'="(?:(?<=src=")|(?<=href="))(pictures/[0-9a-f]{16}\.png|page\.css|page\.js)"')


def beside(html: bytes) -> list[str]:
    """Return the names of the files that a page needs beside it, sorted; none for a page that needs nothing else."""
    return sorted({name.decode() for name in NAMED.findall(html)})


def digest_beside(folder: Path, names: Iterable[str]) -> str | None:
    """Return a digest of files of a folder; "" for no file, None if one of them cannot be read or is a link."""
    try:
        return digest_of_contents({name: _content(folder / name) for name in names})
    except OSError:
        return None


def digest_of_contents(files: Mapping[str, bytes]) -> str:
    """Return a digest of files by their names; "" for no file."""
    if not files:
        return ""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    if path.is_symlink() or path.parent.is_symlink():
        raise OSError
    return path.read_bytes()


def write_beside(site: Path, file: str, content: bytes) -> None:
    """Write a file beside the reports, unless it is there already; raises `OutputError`."""
    try:
        if _content(site / file) == content:
            return
    except OSError:
        pass
    write_in(site, file, content)


def contents_beside(folder: Path, html: bytes) -> dict[str, bytes]:
    """Return the files that a page in `folder` needs beside it, by name; raises `OSError` if one of them cannot be read."""
    return {name: _content(folder / name) for name in beside(html)}


def sweep_beside(site: Path, model: str) -> None:
    """Remove the files beside a model's reports that none of them needs any more; raises `OutputError`."""
    folder = site / REPORTS / model
    if folder.is_symlink() or (folder / "pictures").is_symlink():
        return
    try:
        found = [name for name in (STYLE, SCRIPT) if (folder / name).exists()]
        found += [f"pictures/{path.name}" for path in (folder / "pictures").glob("*.png")]
        if not found:
            return
        needed = {name for page in folder.glob("*.html") for name in beside(page.read_bytes())}
        for name in found:
            if name not in needed and (name in (STYLE, SCRIPT) or PICTURE.fullmatch(name)):
                (folder / name).unlink(missing_ok=True)
        if (folder / "pictures").is_dir() and not any((folder / "pictures").iterdir()):
            (folder / "pictures").rmdir()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}).") from error
