"""`read` a report back out of its page."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from ..codec import Pictures, decode_report
from ..errors import ReportFileError
from ..files import check_readable
from ..report import Report
from .tags import TagReader

LARGEST_REPORT = 500_000_000  # bytes
MOST_VALUES = 10_000_000  # as many take about a gigabyte of memory; a report of a thousand layers has some 100,000
DATA_ID = "report-data"
DATA_URI = "data:image/png;base64,"


def read(source: str | Path) -> Report:
    """The report in an HTML file, or in the HTML itself where `source` begins with "<"; raises `ReportFileError`."""
    if isinstance(source, str) and source.lstrip()[:1] == "<":
        return _parse(source, "the report")
    path = Path(source)
    check_readable(path, ReportFileError, "a report that reportgen wrote")
    if path.stat().st_size > LARGEST_REPORT:
        raise ReportFileError(f"{path}: larger than {LARGEST_REPORT // 1_000_000} MB; no report of ours is.")
    try:
        html = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportFileError(f"{path}: not a report (it is no UTF-8 text).") from error
    return _parse(html, str(path))


def _parse(html: str, where: str) -> Report:
    island = _Island()
    try:
        island.feed(html)
        island.close()
        if not island.found:
            raise ReportFileError("not a report that reportgen wrote, or cut short: it holds no data.")
        return decode_report(_data_in("".join(island.text)), island.pictures)
    except ReportFileError as error:
        raise ReportFileError(f"{where}: {error}") from error
    except (ValueError, OverflowError, RecursionError, AssertionError) as error:
        raise ReportFileError(f"{where}: the report is damaged; its data cannot be read.") from error


def _data_in(text: str) -> Any:
    """What the JSON `text` says. Half a gigabyte of `[],` would be twelve in memory: so its values are counted first."""
    if sum(map(text.count, "[{,")) > MOST_VALUES:
        raise ReportFileError("it holds more data than any report of ours.")
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


class _Island(TagReader):
    """Gathers the data script's text and the PNG of every picture."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.pictures: Pictures = {}
        self.found = False
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and named.get("id") == DATA_ID:
            self._inside = self.found = True
        src, identity = named.get("src"), named.get("data-picture")
        if tag == "img" and identity and src and src.startswith(DATA_URI):
            try:
                self.pictures[identity] = base64.b64decode(src[len(DATA_URI) :], validate=True)
            except binascii.Error as error:
                raise ReportFileError("a picture in the report is damaged.") from error

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text.append(data)
