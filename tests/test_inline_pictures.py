"""The pictures of a page are put in last: each in its places, and nothing from outside takes the place of one."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest

from reportgen.page import inline
from reportgen.page.inline import InlinePictures
from reportgen.page.render import render
from reportgen.report import Report

from .test_codec import small_report

OPAQUE, FADED = b"one file of a picture", b"another file of the same, with opacities"
ID = "0123456789abcdef"


def named(name: str) -> Report:
    """A report on an image of this name."""
    report = small_report()
    made = report.provenance
    return replace(report, provenance=replace(made, image=replace(made.image, name=name)))


def text(png: bytes) -> str:
    return base64.b64encode(png).decode()


def test_each_place_gets_its_own_file_of_a_picture() -> None:
    pictures = InlinePictures()
    places = [pictures.place(ID, png) for png in (OPAQUE, FADED, OPAQUE)]
    assert places[0] == places[2] != places[1]
    page = "<a {}><b {}><c {}>é".format(*places)
    assert pictures.filled(page.encode()).decode() == f"<a {text(OPAQUE)}><b {text(FADED)}><c {text(OPAQUE)}>é"


def test_a_part_of_a_page_brings_its_pictures_along_and_no_others() -> None:
    before, after = InlinePictures(), InlinePictures()
    part = f"<img {before.place(ID, OPAQUE)}>"
    before.place(ID, FADED)
    found = before.within(part)
    assert [*found.values()] == [text(OPAQUE).encode()]
    after.take_over(found)
    assert after.filled(part.encode()).decode() == f"<img {text(OPAQUE)}>"


def test_a_page_without_pictures_stays_as_it_is() -> None:
    assert InlinePictures().filled(b"<p>none") == b"<p>none"
    assert InlinePictures().within("<p>none") == {}


@pytest.mark.parametrize("name", ["a data:image/png;base64,", ID, f"{ID}{'0' * 8}", "0" * 32 + ID])
def test_names_are_not_taken_for_pictures(name: str) -> None:
    """Without the mark, which is drawn anew by each process, nothing stands for a picture; no mark is left in a page."""
    page = render(named(name))
    assert name in page
    assert inline.MARK not in page
    plain = render(named("x"))
    images = r'"data:image/png;base64,[^"]*"'
    assert re.findall(images, page) == re.findall(images, plain) != []
