"""The layout of a site's folder, and the check whether a folder is a site of ours.

reports/MODEL/page.css  page.js  pictures/ID.png (if the site was made with --folder)
index.html  index-2.html  model-NAME.html  site.css  site.js   reports/MODEL/IMAGE.html   thumbnails/MODEL/IMAGE.jpg
diffs/OLD--NEW/IMAGE.html (from one epoch of a training to the next)   series/IMAGE.html  series/TRAINING/IMAGE.html (over all)
patches/MODEL/LAYER-CHANNEL.png (a filter's picture)   patches/MODEL/LAYER-CHANNEL-RANK.png (a patch that excites it)
data/peaks/MODEL.json (the images that excite each channel most)
data/site.json (marks the folder as ours)   data/reports.jsonl (the journal)   data/lock
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import OutputError, ReportFileError
from ..files import is_folder, write_atomically

INDEX, STYLE, SCRIPT = "index.html", "site.css", "site.js"
REPORTS, THUMBNAILS, PATCHES, DATA, PEAKS = "reports", "thumbnails", "patches", "data", "data/peaks"
DIFFS, SERIES = "diffs", "series"
MARK, JOURNAL, LOCK = "data/site.json", "data/reports.jsonl", "data/lock"
FORMAT = 1
TEMPORARY = re.compile(r"\..*\.tmp")


def report_file(model: str, stem: str) -> str:
    """Return the path of a report within the site."""
    return f"{REPORTS}/{model}/{stem}.html"


def thumbnail_file(model: str, stem: str) -> str:
    """Return the path of a report's thumbnail within the site."""
    return f"{THUMBNAILS}/{model}/{stem}.jpg"


def diff_file(old: str, new: str, stem: str) -> str:
    """Return the path of the diff of two epochs on an image within the site."""
    return f"{DIFFS}/{old}--{new}/{stem}.html"


def series_file(training: str, stem: str) -> str:
    """Return the path of the series over the epochs of a training, which may have no name, on an image within the site."""
    return f"{SERIES}/{training}/{stem}.html" if training else f"{SERIES}/{stem}.html"


def peaks_file(model: str) -> str:
    """Return the path of a model's peaks within the site."""
    return f"{PEAKS}/{model}.json"


def patch_file(model: str, index: int, channel: int, rank: int | None = None) -> str:
    """Return the path of the patch of this rank, counted from 1, that excites a filter; without a rank, of its picture."""
    return f"{PATCHES}/{model}/{index}-{channel}{'' if rank is None else f'-{rank}'}.png"


def index_file(page: int) -> str:
    """Return the file name of a page of the index, counted from 1."""
    return INDEX if page == 1 else f"index-{page}.html"


def is_site(path: Path) -> bool:
    """Return whether the folder is a site of ours."""
    return is_folder(path) and (path / MARK).is_file()


def check_site(path: Path) -> None:
    """Raise `ReportFileError` unless the folder is a site that this version can read."""
    if not is_site(path):
        raise ReportFileError(f"{path}: not a site; expected a folder that reportgen batch wrote.")
    try:
        written = json.loads((path / MARK).read_text("utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportFileError(f"{path / MARK}: damaged; make the site again in an empty folder.") from error
    if written != FORMAT:
        raise ReportFileError(f"{path}: a site of format {written}; this version reads format {FORMAT}. Use a newer reportgen.")


def check_site_writable(path: Path) -> None:
    """Raise `OutputError` unless a site can be written at `path`: it does not exist, is empty, or is a site of ours."""
    try:
        if not os.path.lexists(path):
            parent = path.absolute().parent
            if not parent.is_dir():
                raise OutputError(f"{path}: there is no folder {path.parent}; create it, or choose another --output.")
            _check_access(parent, path)
            return
        if not path.is_dir():
            raise OutputError(f"{path}: expected a folder for the site, got a file; choose another --output.")
        _check_access(path, path)
        if is_site(path):
            check_site(path)
        elif not _holds_nothing(path):
            raise OutputError(f"{path}: the folder contains files and is not a site of reportgen's; choose another --output.")
    except (OSError, ValueError) as cause:
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause}).") from cause


def _check_access(folder: Path, path: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {folder} is not writable; choose another --output.")


def _holds_nothing(path: Path) -> bool:
    """Return whether a folder is empty, or contains only what a run leaves behind if it is killed at its very beginning."""
    names = [each.relative_to(path).as_posix() for each in path.rglob("*")]
    return all(name in (DATA, LOCK) or TEMPORARY.fullmatch(name.removeprefix(f"{DATA}/")) for name in names)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the site's lock, which is released if the process dies, and mark the folder as ours.

    Raises `OutputError` if another run is writing into the same site.
    """
    try:
        (path / DATA).mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / LOCK)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(f"{path}: another run is writing this site; wait for it, or choose another --output.") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error
    try:
        _sweep(path)
        if not (path / MARK).is_file():
            write_atomically(path / MARK, json.dumps({"generator": "reportgen", "format": FORMAT}).encode())
        yield
    finally:
        lock.release()


def _sweep(path: Path) -> None:
    """Remove temporary files that a killed run left behind."""
    parts = [folder for name in (REPORTS, THUMBNAILS, PATCHES, DIFFS, SERIES) for folder in path.glob(f"{name}/*")]
    parts += path.glob(f"{REPORTS}/*/pictures")
    for folder in (path, path / DATA, path / PEAKS, path / SERIES, *parts):
        if folder.is_dir() and not folder.is_symlink():
            for name in [each.name for each in os.scandir(folder) if TEMPORARY.fullmatch(each.name)]:
                (folder / name).unlink(missing_ok=True)


def write_in(site: Path, file: str, content: bytes) -> None:
    """Write a file of the site atomically; raises `OutputError`."""
    path = site / file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.resolve() != (site.resolve() / file).parent:  # a link that leads out of the site
            raise OutputError(f"{path.parent}: a symbolic link; expected a folder inside the site.")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error
    write_atomically(path, content)


def replace_in(site: Path, file: str, content: bytes) -> None:
    """Write a file as `write_in` does, but replace a symbolic link instead of writing to its target."""
    path = site / file
    try:
        if path.is_symlink() and path.parent.resolve() == (site.resolve() / file).parent:
            path.unlink()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error
    write_in(site, file, content)
