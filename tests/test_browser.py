"""The page in a real browser: on its own, safe against hostile names, accessible, on small screens, dark and printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Picture, Report
from reportgen.page.environment import asset_of, environment_with

from .browser import (
    DESKTOP,
    OPEN_ALL,
    Opened,
    Unfolded,
    axe_findings_light_and_dark,
    brightness,
    html_complaints,
    lacking,
    of_pages,
    opened,
    unfolded_page,
)  # fmt: skip
from .samples import CHOICES, HOSTILE, PAGES

pytestmark = pytest.mark.browser

# the last three are shown of a comparison of two classes, and of a yes-or-no answer
NOT_SHOWN = {"method", "sketch", "scores", "labels_digest", "packed_weights", "settings", "sense", "against_label", "no_label"}


@pytest.fixture(scope="module", params=PAGES)
def unfolded(request: pytest.FixtureRequest, browser: Any, pages: dict[str, Path]) -> Iterator[Unfolded]:
    with unfolded_page(browser, request.param, pages[request.param]) as page:
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_reads_back_as_written(reports: dict[str, Report], pages: dict[str, Path], name: str) -> None:
    assert reportgen.read(pages[name]) == reports[name]


@pytest.mark.parametrize("name", ["plain", "hostile", "absent"])
def test_is_valid_html(pages: dict[str, Path], name: str) -> None:
    try:
        import html5lib
    except ImportError:
        lacking("no html5lib: pip install html5lib")
    html5lib.HTMLParser(strict=True).parse(pages[name].read_text("utf-8"))


def test_html_validate_has_nothing_to_say(pages: dict[str, Path], tmp_path: Path) -> None:
    assert html_complaints([*pages.values()], tmp_path) == []


def test_needs_and_tries_nothing_outside_itself(unfolded: Unfolded) -> None:
    it = unfolded.it
    assert [url for url in it.requests if not url.startswith("data:image/png;")] == [unfolded.file.as_uri()]
    assert it.messages == []  # a breach of the page's own policy would be told here
    policy = it.page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    assert re.match(r"default-src 'none'; img-src data:; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; base-uri", policy)
    assert "unsafe" not in policy


def test_the_policy_stops_what_would_be_slipped_in(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    breached = tmp_path / "breached.html"
    slipped_in = (
        "<main><img src=x onerror=document.title='pwned'><script>document.title='pwned'</script>"
        "<style>h1 { display: none }</style><p style='position: fixed'>"
    )
    breached.write_text(pages["plain"].read_text("utf-8").replace('<main id="content">', slipped_in), "utf-8")
    with opened(browser, breached) as it:
        assert it.page.title() == "minivgg on cat.png: cat 98.7\N{NO-BREAK SPACE}%"
        assert it.page.locator("h1").is_visible()
        assert sum("Content Security Policy" in message for message in it.messages) >= 4


def assert_nothing_ran(it: Opened) -> None:
    assert it.page.title().startswith(f"title {HOSTILE}")
    assert it.messages == []
    assert all(url.startswith("data:image/png;") for url in it.requests[1:])
    assert it.page.locator("img:not([data-picture]), image:not([data-picture]):not([data-chart]), [onerror]").count() == 0
    scripts = it.page.locator("script:not([type='application/json'])").all_text_contents()
    assert scripts == [asset_of(environment_with(None), "page.js")]


@of_pages("hostile", "absent")
def test_hostile_strings_do_nothing(browser: Any, unfolded: Unfolded) -> None:
    assert_nothing_ran(unfolded.it)
    # without the policy as well: the escaping has to hold by itself
    with opened(browser, unfolded.file, bypass_csp=True) as it:
        assert_nothing_ran(it)


def names_of_strings(value: Any, name: str = "") -> set[str]:
    if is_dataclass(value) and not isinstance(value, Picture):
        return set().union(*(names_of_strings(getattr(value, each.name), each.name) for each in fields(value)))
    if isinstance(value, tuple):
        return set().union(*(names_of_strings(each, name) for each in value))
    return {name} if isinstance(value, str) else set()


@of_pages("hostile", "absent")
def test_hostile_strings_are_shown_as_they_are(reports: dict[str, Report], unfolded: Unfolded) -> None:
    text = unfolded.it.page.text_content("main")
    expected = names_of_strings(reports[unfolded.name]) - CHOICES - NOT_SHOWN
    assert {"title", "warnings", "labels", "command", "notes"} < expected
    assert {each for each in expected if f"{each} {HOSTILE}" not in text} == set()


def test_reads_the_same_without_javascript(browser: Any, pages: dict[str, Path]) -> None:
    texts = []
    for enabled in (True, False):
        with opened(browser, pages["plain"], java_script_enabled=enabled) as it:
            it.page.evaluate("document.querySelectorAll('.tools').forEach(each => each.remove())")
            texts.append(it.page.inner_text("body").replace("\N{NO-BREAK SPACE}", " "))
    assert texts[0] == texts[1]
    for phrase in (
        "minivgg on cat.png",
        "98.7 %",
        "Grad-CAM of block5_conv2 for 3 classes",
        "block5_conv2",
        "458,890",
        "reportgen report cat.png",
    ):
        assert phrase in texts[0]


def test_the_page_never_scrolls_sideways(unfolded: Unfolded) -> None:
    # what reaches over the edge, unless it lies in a box that scrolls: it could be cut off there, with no sideways scroll
    beyond = """[...document.querySelectorAll('main *, nav *')].filter(each => !each.closest('.scrolling *')
        && each.getBoundingClientRect().right > innerWidth).map(each => each.outerHTML.slice(0, 200))"""
    page = unfolded.it.page
    for width in (320, 390, 800, 1180):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(beyond) == []
    page.set_viewport_size(DESKTOP)


@of_pages("plain", "long")
def test_print_cuts_nothing_off(unfolded: Unfolded) -> None:
    page = unfolded.it.page
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 688
    page.emulate_media(media="screen")
    page.set_viewport_size(DESKTOP)


@of_pages("plain")
def test_pictures_say_what_they_show_and_how_large_they_are(unfolded: Unfolded) -> None:
    pictures = unfolded.it.page.locator("[data-picture]").evaluate_all("""all => all.map(each => [
        each.alt ?? each.ownerSVGElement.ariaLabel,
        ...['width', 'height', 'data-picture'].map(name => each.getAttribute(name))])""")
    assert len(pictures) == 97
    for alt, width, height, identity in pictures:
        assert len(alt) > 20
        assert int(width) > 0
        assert int(height) > 0
        assert len(identity) == 16


def test_links_lead_somewhere_and_ids_are_unique(unfolded: Unfolded) -> None:
    page = unfolded.it.page
    ids = page.locator("[id]").evaluate_all("all => all.map(each => each.id)")
    targets = page.locator("a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert len(ids) == len(set(ids))
    assert len(targets) >= 10
    assert {*targets} <= {f"#{each}" for each in ids}


@of_pages("plain", "hostile", "absent")
def test_axe_finds_nothing(unfolded: Unfolded) -> None:  # the last to look, for it does not leave the page whole
    assert axe_findings_light_and_dark(unfolded.it.page) == []


def test_the_contents_stay_in_view(page: Any) -> None:
    links = page.locator("nav a")
    for place in range(links.count()):
        links.nth(place).click()
        top = page.locator("nav").bounding_box()["y"]
        assert 0 <= top < 10
        assert links.last.is_visible()
    assert page.evaluate("location.hash") == "#provenance"


def test_dark_and_light(page: Any) -> None:
    corners = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        corners[scheme] = brightness(page)[0, 0]
    assert corners["light"] > 240
    assert corners["dark"] < 40


def test_prints_black_on_white_even_from_the_dark(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"], color_scheme="dark") as it:
        assert it.page.pdf().startswith(b"%PDF-")
        it.page.emulate_media(media="print", color_scheme="dark")
        heading = brightness(it.page.locator("h1"))
        assert (heading.min(), heading.max(), np.median(heading)) == (0, 255, 255)
        assert not it.page.locator("nav").is_visible()


def test_print_unfolds_what_is_folded_and_leaves_out_the_controls(page: Any) -> None:
    seen = (
        "all => all.map(each => each.checkVisibility({contentVisibilityAuto: true}) && each.getBoundingClientRect().height > 0)"
    )
    rows, controls = page.locator("details:not([open]) tr"), page.locator(".tools, .tiles, nav, .skip")
    assert not any(rows.evaluate_all(seen))
    page.emulate_media(media="print")
    assert rows.count() > 300
    assert all(rows.evaluate_all(seen))
    assert controls.count() > 10
    assert not any(controls.evaluate_all(seen))


def test_without_any_style_every_picture_and_word_is_there(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"], java_script_enabled=False) as it:
        it.page.evaluate("document.querySelector('style').remove()")
        it.page.evaluate(OPEN_ALL)
        assert it.page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "separate"
        boxes = it.page.locator("[data-picture]").evaluate_all("all => all.map(each => each.getBoundingClientRect().toJSON())")
        assert len(boxes) == 97
        assert all(box["width"] > 50 and box["height"] > 50 for box in boxes)
        for phrase in (
            "minivgg on cat.png", "Inactive channels", "19 of 704", "No problems found", "Grad-CAM of block5_conv2 for 3 classes",
            "reportgen report cat.png",
        ):  # fmt: skip
            assert it.page.get_by_text(phrase).first.is_visible(), phrase
