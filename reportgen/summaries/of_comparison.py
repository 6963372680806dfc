"""The summary of a comparison, read from its page: the headline that it stores, and its first pictures."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ReportFileError
from ..files import check_readable
from ..formatting import counted, name
from ..page.folder import PICTURE
from ..page.headline import HEADLINE_ID
from ..page.read import DATA_URI
from ..page.tags import TagReader
from .pictures import picture_from_file
from .summary import Fact, Summary, SummaryPicture, SummaryTable, text_line

PICTURES = 4  # two pairs of old and new
MOST_VALUES = 100_000  # of the headline; a comparison of a hundred versions has about 1,000
MOST_ROWS, MOST_COLUMNS, MOST_VERSIONS = 10, 8, 12
LARGEST_PICTURE = 20_000_000  # bytes
OLD_PAGE = "the comparison was made by a version of reportgen whose pages cannot be summed up; make it again with reportgen diff."


def summary_of_comparison(html: str, path: Path) -> Summary:
    """Return the verdict, the figures and the first pictures of a comparison's page, which was read from `path`.

    Raises `ReportFileError` for a page without a headline, or with a damaged one.
    """
    page = _Page(path.parent)
    page.feed(html)
    if not page.found:
        raise ReportFileError(f"{path}: {OLD_PAGE}")
    try:
        return _summary(_headline_in("".join(page.text)), page)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReportFileError(f"{path}: the comparison is damaged; make it again with reportgen diff.") from error
    except ReportFileError as error:
        raise ReportFileError(f"{path}: {error}") from error


def _headline_in(text: str) -> dict[str, Any]:
    if sum(map(text.count, "[{,")) > MOST_VALUES:  # counted first: values take much more memory than their text
        raise ValueError("more values than any headline has")
    headline: dict[str, Any] = json.loads(text)
    return headline


def _summary(headline: dict[str, Any], page: _Page) -> Summary:
    versions = [{key: text_line(value, 200) for key, value in each.items()} for each in headline["versions"]]
    same = headline["same"] is True
    title = f"{versions[0]['label']} → {versions[-1]['label']}"
    return Summary(
        kind="comparison",
        title=text_line(title if len(versions) == 2 else f"{len(versions)} versions: {title}", 300),
        lead_name="Same" if same else "Different",
        lead=text_line(headline["verdict"]),
        warnings=tuple(text_line(each) for each in [*filter(None, [headline["comparable"]]), *headline["caveats"]][:5]),
        facts=tuple(_facts(headline, versions)),
        tables=tuple(_table(each) for each in headline["tables"][:4]),
        pictures=tuple(page.pictures()),
    )


def _facts(headline: dict[str, Any], versions: list[dict[str, str]]) -> Iterator[Fact]:
    words = ("Old", "New") if len(versions) == 2 else [f"Version {place}" for place in range(1, len(versions) + 1)]
    for word, each in list(zip(words, versions, strict=True))[:MOST_VERSIONS]:
        yield Fact(word, name(each["model"]), f"on {name(each['image'])}")
    if len(versions) > MOST_VERSIONS:
        yield Fact("More", f"{len(versions) - MOST_VERSIONS:,} versions", "see the page")
    for place, verdict in enumerate(headline["steps"][: MOST_VERSIONS - 1], start=1):
        yield Fact(f"{place} → {place + 1}", text_line(verdict, 400))
    if headline["steps"]:
        return
    checks = headline["checks"]
    if checks is None:
        yield Fact("Checks", "Not compared", "a report was made without checks")
    else:
        new, gone = int(checks["new"]), int(checks["gone"])
        yield Fact("Checks", f"{counted(new, 'new finding')}, {gone:,} gone" if new or gone else "No new findings, none gone")


def _table(stored: dict[str, Any]) -> SummaryTable:
    heads = tuple(text_line(each, 60) for each in stored["heads"][:MOST_COLUMNS])
    rows = tuple(tuple(text_line(each, 120) for each in row[: len(heads)]) for row in stored["rows"][:MOST_ROWS])
    if any(len(row) != len(heads) for row in rows):
        raise ValueError("a row of another length")
    return SummaryTable(title=text_line(stored["title"], 100), heads=heads, rows=rows, more=max(0, int(stored["more"])))


class _Page(TagReader):
    """Collects the headline, and the source and the description of the first pictures."""

    TAGS = ("img",)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.found = False
        self._inside = False
        self._folder = folder
        self._shown: dict[str, tuple[str, str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and named.get("id") == HEADLINE_ID:
            self._inside = self.found = True
        identity, source = named.get("data-picture"), named.get("src")
        if tag == "img" and identity and source and len(self._shown) < PICTURES:
            self._shown.setdefault(identity, (source, named.get("alt") or "A picture of the comparison"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text.append(data)

    def pictures(self) -> Iterator[SummaryPicture]:
        """Yield the pictures; raises `ReportFileError` for a damaged one."""
        for place, (source, caption) in enumerate(self._shown.values(), start=1):
            yield picture_from_file(self._content(source), "PNG", f"picture_{place}", caption)

    def _content(self, source: str) -> bytes:
        if source.startswith(DATA_URI):
            try:
                return base64.b64decode(source[len(DATA_URI) :], validate=True)
            except binascii.Error as error:
                raise ReportFileError("a picture is damaged.") from error
        path = self._folder / source
        # only names that we give, and no links, so that no path leads out of the comparison's folder
        if not PICTURE.fullmatch(source) or path.is_symlink() or path.parent.is_symlink():
            raise ReportFileError("a picture is neither in the page nor in its folder.")
        check_readable(path, ReportFileError, "a picture of the comparison")
        if path.stat().st_size > LARGEST_PICTURE:
            raise ReportFileError(f"{source} is larger than any picture that reportgen writes.")
        return path.read_bytes()
