"""`Summary`: what a mail or a tracker says, as plain data, whether it is about a report, a comparison or a site."""

from __future__ import annotations

from typing import Literal

from ..records import record

LONGEST_TEXT = 1500  # characters of a sentence or verdict; names in it come from files, which may hold anything


@record
class Fact:
    """A headline figure: its name, its value with names between backticks, and a remark ("" for none)."""

    name: str
    value: str
    remark: str = ""


@record(kw_only=True)
class SummaryTable:
    """A short table: texts, with names between backticks. `more` is how many rows were left out, and `numbers` says which
    columns, counted from 0, hold numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0
    numbers: tuple[int, ...] = ()


@record(kw_only=True)
class SummaryPicture:
    """A picture as a JPEG file. `cid` names it within a mail, and `name` says which picture it is, whatever it shows: "image".

    `width` and `height` are in pixels.
    """

    name: str
    cid: str
    content: bytes
    width: int
    height: int
    caption: str


@record(kw_only=True)
class Summary:
    """What a mail or a tracker says.

    `lead` is the most important sentence, such as the prediction or the verdict, named by `lead_name`. `distrusted` says why the
    results must not be relied on, and `warnings` what else a reader must know first.
    """

    kind: Literal["report", "comparison", "site"]
    title: str
    lead_name: str
    lead: str
    distrusted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    tables: tuple[SummaryTable, ...] = ()
    pictures: tuple[SummaryPicture, ...] = ()


def text_line(text: object, most: int = LONGEST_TEXT) -> str:
    """Return untrusted text, which may hold names between backticks, in one line of at most `most` characters.

    A text that is cut keeps its backticks in pairs, so that what follows is not taken for a name.
    """
    line = " ".join("".join(each if each.isprintable() else " " for each in str(text)).split())
    if len(line) <= most:
        return line
    cut = f"{line[: most - 2].rstrip()}"
    return f"{cut}{'`' if cut.count('`') % 2 else ''} …"


def without_marks(text: str) -> str:
    """Return a text without the backticks around its names, for a subject or a plain text."""
    return text.replace("`", "")
