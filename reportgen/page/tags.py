"""A parser for the tags and scripts of a page that runs in linear time.

The standard library's parser takes minutes for a malicious page of 100 kB (`<a ` over and over), and pages arrive by mail.
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape

# `<` ends every attempt, even inside quotes (where we escape it), so that no character is scanned again for every tag
COMMENT_OR_TAG = r"""<(?:!--|(/?)(%s)((?:[^<>"']|"[^"<]*"|'[^'<]*')*+)>)"""
ANY_NAME = "[a-zA-Z][a-zA-Z0-9-]*"
ATTRIBUTE = re.compile(r"""([^\s=<>"'/]++)(?:\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]++)))?""")
RAW = {name: re.compile(f"</{name}(?![a-zA-Z0-9-])", re.IGNORECASE) for name in ("script", "style")}


class TagReader:
    """A subset of `html.parser.HTMLParser`: handles tags and the text of scripts, and takes the whole page at once.

    A reader names in `TAGS` the tags that it needs, besides scripts and style sheets; the others are skipped many times faster.
    """

    TAGS: tuple[str, ...] = ()

    def feed(self, html: str) -> None:
        """Pass each tag, and the text of each script and style sheet, to the methods below."""
        place, comment_or_tag = 0, _comment_or_tag(self.TAGS)
        while (match := comment_or_tag.search(html, place)) is not None:
            place = match.end()
            slash, name, attributes = match.groups()
            if name is None:
                place = _after(html, "-->", place)
            elif slash:
                self.handle_endtag(name.lower())
            else:
                self.handle_starttag(name.lower(), _attributes(attributes))
                place = self._raw_text(html, name.lower(), place)

    def close(self) -> None:
        """Do nothing: `feed` leaves nothing over."""

    def _raw_text(self, html: str, name: str, start: int) -> int:
        if name not in RAW:
            return start
        end = RAW[name].search(html, start)
        stop = len(html) if end is None else end.start()
        self.handle_data(html[start:stop])
        return stop

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handle an opening tag, in lower case, and its attributes."""

    def handle_endtag(self, tag: str) -> None:
        """Handle a closing tag, in lower case."""

    def handle_data(self, data: str) -> None:
        """Handle the text of a script or style sheet."""


@cache
def _comment_or_tag(names: tuple[str, ...]) -> re.Pattern[str]:
    wanted = f"(?:{'|'.join((*RAW, *names))})(?![a-zA-Z0-9-])" if names else ANY_NAME
    return re.compile(COMMENT_OR_TAG % wanted, re.IGNORECASE)


def _after(html: str, end: str, start: int) -> int:
    found = html.find(end, start)
    return len(html) if found < 0 else found + len(end)


def _attributes(text: str) -> list[tuple[str, str | None]]:
    return [(match[1].lower(), _value(match)) for match in ATTRIBUTE.finditer(text)]


def _value(match: re.Match[str]) -> str | None:
    value = next((each for each in match.groups()[1:] if each is not None), None)
    return None if value is None else unescape(value)
