"""The reader of tags: as the standard library's where a page is sound, and quick where it is not."""

from __future__ import annotations

import time
from html.parser import HTMLParser
from typing import Any

import pytest

from reportgen.errors import ReportFileError
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.page.tags import TagReader

from .test_codec import small_report

WANTED = ("script", "style", "img", "image")


class FewTags(TagReader):
    TAGS = ("img", "image")


def heard(reader: Any, html: str) -> list[Any]:
    """What a reader hands on: tags, and the text of scripts and style sheets."""
    found: list[Any] = []
    raw: list[str] = []

    class Heard(reader):  # type: ignore[misc]
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.append(("<", tag, attrs))
            raw[:] = [tag]

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            self.handle_starttag(tag, attrs)

        def handle_endtag(self, tag: str) -> None:
            found.append((">", tag))
            raw.clear()

        def handle_data(self, data: str) -> None:
            if raw in (["script"], ["style"]):
                found.append(data)

    made = Heard()
    made.feed(html)
    made.close()
    return found


@pytest.mark.parametrize(
    "html",
    [
        "<p>a</p>",
        '<img data-picture="x" src="data:image/png;base64,aGk=" alt="a &gt; b &amp; &quot;c&quot;">',
        "<IMG SRC='a' hidden data-x=3>",
        '<a href="1 > 0">x</a>',
        "<script id=s>if (a < b) { '<img src=x>' }</script><img src=y>",
        "<style>a > b {}</style><br/>",
        "<!-- <img src=x> --><img src=y>",
        "<!doctype html><html lang=en><br />",
        "1 < 2 <b>x</b>",
        "<svg><image href='a'/></svg>",
        "<my-tag a  =  'b'>",
        "<!-- never closed <img src=x>",
        "<img src='never closed",
    ],
)
def test_sound_pages_are_read_as_by_the_standard_library(html: str) -> None:
    assert heard(TagReader, html) == heard(HTMLParser, html)


def test_a_whole_report_is_read_as_by_the_standard_library() -> None:
    html = render(small_report(title="</script><img src=x onerror=alert(1)> & \"quotes\" 'both'"))
    assert heard(TagReader, html) == heard(HTMLParser, html)


@pytest.mark.parametrize(
    "html",
    [
        "<b title='<img src=x>'>y</b><img src='y'>",
        "<!-- <img src=x> --><IMG src=y><imgs src=z><img-a src=z>",
        "<script>'<img src=x>'</script><style><img></style><scripts><img src=y>",
        "<b a='<script>'><img src=x></b><svg><image href=a></svg></image>",
        "<b <img src=x><i title='> <img src=y>",
    ],
)
def test_a_reader_that_names_its_tags_hears_the_same_of_them(html: str) -> None:
    assert heard(FewTags, html) == [each for each in heard(TagReader, html) if isinstance(each, str) or each[1] in WANTED]


def test_a_reader_that_names_its_tags_hears_the_same_of_a_whole_report() -> None:
    html = render(small_report(title="</script><img src=x onerror=alert(1)> & \"quotes\" 'both'"))
    told = heard(FewTags, html)
    assert told == [each for each in heard(TagReader, html) if isinstance(each, str) or each[1] in WANTED]
    assert any(each[1] == "img" for each in told)


@pytest.mark.parametrize(
    "part",
    [
        "<", "<!", "<!--", "<!-", "<![CDATA[", "<?", "</", "</a ", "<a ", "<a b", "<a b=", "<a b='", '<a b="', '<a b="x" ',
        "<a =", "&", "&#", "<script>", "</scrip", "<style ", "a ", "\n", "<img src=",
        '<img data-picture="x" src="data:image/png;base64,',
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "<a ", "<script>", "<script id='report-data'>", "<a b='"])
def test_hostile_pages_are_refused_in_a_moment(part: str, start: str) -> None:
    html = "<p>" + start + part * (1_000_000 // len(part))
    began = time.process_time()
    with pytest.raises(ReportFileError):
        read(html)
    assert time.process_time() - began < 1
