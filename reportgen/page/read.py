"""`read` a report back from its page: an HTML file, a gzip-compressed one, or a folder written with `--folder`."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from ..codec import Encoder, Pictures, decode_report
from ..errors import ReportFileError
from ..files import check_readable, is_folder
from ..report import FORMAT, Report
from .folder import INDEX, PICTURE
from .tags import TagReader

LARGEST_REPORT = 500_000_000  # bytes; for a folder, of all its files together
MOST_VALUES = 10_000_000  # these take about a gigabyte of memory; a report with a thousand layers has about 100,000
DATA_ID = "report-data"
START_OF_DATA = f'id="{DATA_ID}">'.encode()
DATA_URI = "data:image/png;base64,"
COMPARISON = '<p class="outcome'  # only pages of comparisons contain this
GZIP = b"\x1f\x8b"


def read(source: str | Path) -> Report:
    """Return the report in an HTML file, in a compressed one (.gz) or in a folder.

    A `source` that starts with "<" is taken as the HTML itself. Raises `ReportFileError` if there is no readable report.
    """
    if isinstance(source, str) and source.lstrip()[:1] == "<":
        return _parse(source, "the report", None)
    path = page_file(Path(source))
    try:
        html = page_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportFileError(f"{path}: not a report (it is not UTF-8 text).") from error
    return _parse(html, str(path), path.parent)


def read_data(path: Path) -> dict[str, Any]:
    """Return the data of the report in an HTML file as JSON values, in the current format.

    Pictures are not read, and the data are not checked against the format, which makes this many times faster than `read`; an
    older report is read as a whole. Raises `ReportFileError` if there is no readable report.
    """
    content = page_bytes(path)
    start = content.find(START_OF_DATA)
    end = content.find(b"</script>", start)
    try:
        data = _data_in(content[start + len(START_OF_DATA) : end].decode("utf-8")) if 0 <= start < end else None
    except ReportFileError as error:
        raise ReportFileError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ReportFileError(f"{path}: the report is damaged; its data cannot be read.") from error
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return data
    encoded: dict[str, Any] = Encoder().encode(read(path))  # an older report, or one of the user's own templates
    return encoded


def page_file(path: Path) -> Path:
    """Return the file of the page: the one inside `path` if that is a folder written with `--folder`, or else `path`."""
    return path / INDEX if is_folder(path) and (path / INDEX).exists() else path


def page_bytes(path: Path) -> bytes:
    """Return the bytes of a page's file, decompressed, at most `LARGEST_REPORT`; raises `ReportFileError`."""
    check_readable(path, ReportFileError, "a report that reportgen wrote")
    if path.stat().st_size > LARGEST_REPORT:
        raise _too_large(path)
    content = path.read_bytes()
    if not content.startswith(GZIP):
        return content
    try:
        with gzip.open(path) as file:
            content = file.read(LARGEST_REPORT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ReportFileError(f"{path}: the compressed report is damaged.") from error
    if len(content) > LARGEST_REPORT:
        raise _too_large(path)
    return content


def _too_large(path: Path) -> ReportFileError:
    return ReportFileError(f"{path}: expected a report of at most {LARGEST_REPORT // 1_000_000} MB; this is larger.")


def _parse(html: str, where: str, folder: Path | None) -> Report:
    island = _Island(folder, LARGEST_REPORT - len(html))
    try:
        island.feed(html)
        island.close()
        if not island.found:
            if COMPARISON in html:
                raise ReportFileError("this is a comparison; expected a report.")
            raise ReportFileError("not a report that reportgen wrote, or truncated: it holds no data.")
        return decode_report(_data_in("".join(island.text)), island.pictures)
    except ReportFileError as error:
        raise ReportFileError(f"{where}: {error}") from error
    except (ValueError, OverflowError, RecursionError, AssertionError) as error:
        raise ReportFileError(f"{where}: the report is damaged; its data cannot be read.") from error


def _data_in(text: str) -> Any:
    """Parse the JSON `text`. Half a gigabyte of `[],` would take twelve gigabytes of memory, so its values are counted first."""
    if sum(map(text.count, "[{,")) > MOST_VALUES:
        raise ReportFileError("it holds more data than any report that reportgen writes.")
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


class _Island(TagReader):
    """Collects the text of the data script and the PNG of every picture; reads at most `room` bytes of pictures from `folder`."""

    TAGS = ("img", "image")

    def __init__(self, folder: Path | None, room: int) -> None:
        super().__init__()
        self.text: list[str] = []
        self.pictures: Pictures = {}
        self.found = False
        self._inside = False
        self._folder = folder
        self._room = room

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and named.get("id") == DATA_ID:
            self._inside = self.found = True
        source = named.get("src") if tag == "img" else named.get("href") if tag == "image" else None
        identity = named.get("data-picture")
        if identity and source and identity not in self.pictures:
            png = self._picture(source)
            if png is not None:
                self.pictures[identity] = png

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text.append(data)

    def _picture(self, source: str) -> bytes | None:
        if not source.startswith(DATA_URI):
            return self._beside(source)
        try:
            return base64.b64decode(source[len(DATA_URI) :], validate=True)
        except binascii.Error as error:
            raise ReportFileError("a picture in the report is damaged.") from error

    def _beside(self, source: str) -> bytes | None:
        """Return a picture file of the report's folder. Only names that we give are accepted, so no path leads out of the folder.

        Links are not followed.
        """
        if self._folder is None or not PICTURE.fullmatch(source):
            return None
        path = self._folder / source
        if path.is_symlink() or path.parent.is_symlink():
            raise ReportFileError(f"{source} is a link; expected a picture file of the report.")
        check_readable(path, ReportFileError, "a picture of the report")
        self._room -= path.stat().st_size
        if self._room < 0:
            raise _too_large(path)
        return path.read_bytes()
