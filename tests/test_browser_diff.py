"""The pages of comparisons in a real browser: every test that the report's page passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report
from reportgen.page.diff import render_comparison_folder
from reportgen.report import SECTIONS

from .browser import (
    DESKTOP,
    OPEN_ALL,
    Opened,
    Unfolded,
    axe_findings,
    axe_findings_light_and_dark,
    brightness,
    lacking,
    of_pages,
    opened,
    served,
    unfolded_page,
)  # fmt: skip
from .samples import HOSTILE, PACKED, hostile_pair, spoiled

pytestmark = pytest.mark.browser

NAMES = ("changed", "same", "hostile", "absent", "long", "series", "hostile series")


@pytest.fixture(scope="module")
def compared(cat_report: Report, cat: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of comparisons, by the names above."""
    early = reportgen.generate("minivgg@early", cat, skip="feature_visualization")
    # what filters respond to takes longer than all else: that of the other model, upside down and as if it had moved half as far
    excited: Any = cat_report.feature_visualization
    turned = [replace(row.picture, values=np.ascontiguousarray(row.picture.values[::-1])) for row in excited.rows]
    rows = tuple(
        replace(row, activation=row.activation / 2, picture=picture) for row, picture in zip(excited.rows, turned, strict=True)
    )
    early = replace(early, feature_visualization=replace(excited, rows=rows))
    hostile = hostile_pair(cat_report)
    nothing: dict[str, Any] = dict.fromkeys(SECTIONS, Absent(f"reason {HOSTILE}"))
    long = [spoiled(report, "x" * 300, keep=PACKED) for report in (early, cat_report)]
    pages = {
        "changed": reportgen.render_diff(reportgen.diff(early, cat_report)),
        "same": reportgen.render_diff(reportgen.diff(cat_report, cat_report)),
        "hostile": reportgen.render_diff(reportgen.diff(*hostile)),
        "absent": reportgen.render_diff(reportgen.diff(hostile[0], replace(hostile[1], **nothing))),
        "long": reportgen.render_diff(reportgen.diff(*long)),
        "series": reportgen.render_series(reportgen.series([early, cat_report, early])),
        "hostile series": reportgen.render_series(reportgen.series([*hostile, cat_report])),
    }
    assert tuple(pages) == NAMES
    assert 'id="feature_visualization"' in pages["changed"]
    folder = tmp_path_factory.mktemp("compared")
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, "utf-8")
    return {name: folder / f"{name}.html" for name in NAMES}


@pytest.fixture(scope="module", params=NAMES)
def unfolded(request: pytest.FixtureRequest, browser: Any, compared: dict[str, Path]) -> Iterator[Unfolded]:
    with unfolded_page(browser, request.param, compared[request.param]) as page:
        yield page


@pytest.mark.parametrize("name", ["changed", "hostile", "absent", "series"])
def test_is_valid_html(compared: dict[str, Path], name: str) -> None:
    try:
        import html5lib
    except ImportError:
        lacking("no html5lib: pip install html5lib")
    html5lib.HTMLParser(strict=True).parse(compared[name].read_text("utf-8"))


def assert_it_is_by_itself(it: Opened, file: Path) -> None:
    assert [url for url in it.requests if not url.startswith("data:image/png;")] == [file.as_uri()]
    assert it.messages == []
    assert "pwned" not in it.page.evaluate("document.title.replaceAll('document.title=', '').slice(0, 5)")
    assert it.page.locator("img:not([data-picture]):not([data-chart]):not(.over), [onerror]").count() == 0


def test_needs_and_tries_nothing_outside_itself(unfolded: Unfolded) -> None:
    assert_it_is_by_itself(unfolded.it, unfolded.file)


@pytest.mark.parametrize("name", ["hostile", "absent", "hostile series"])
def test_no_name_runs_without_the_policy_either(browser: Any, compared: dict[str, Path], name: str) -> None:
    with opened(browser, compared[name], bypass_csp=True) as it:
        it.page.evaluate(OPEN_ALL)
        assert_it_is_by_itself(it, compared[name])


@of_pages("hostile")
def test_hostile_names_are_shown_as_they_are(unfolded: Unfolded) -> None:
    text = unfolded.it.page.text_content("main")
    for name in ("title", "path", "label", "preprocessing"):
        assert f"{name} {HOSTILE} new" in text


@of_pages("changed")
def test_dark_and_light_and_printed_black_on_white(unfolded: Unfolded) -> None:
    page, corners = unfolded.it.page, {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        corners[scheme] = brightness(page)[0, 0]
    assert corners["light"] > 240
    assert corners["dark"] < 40
    page.emulate_media(media="print")
    heading = brightness(page.locator("h1"))
    assert (heading.min(), heading.max(), np.median(heading)) == (0, 255, 255)
    assert not page.locator("nav").is_visible()
    assert page.locator(".tools").count() > 3
    assert page.locator(".tools:visible").count() == 0
    page.emulate_media(media="screen", color_scheme="light")


def test_the_page_never_scrolls_sideways(unfolded: Unfolded) -> None:
    page = unfolded.it.page
    for width in (320, 390, 800, 1180):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.set_viewport_size(DESKTOP)


@of_pages("changed", "long", "series")
def test_print_cuts_nothing_off(unfolded: Unfolded) -> None:
    page = unfolded.it.page
    page.set_viewport_size({"width": 688, "height": 1000})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 688
    page.emulate_media(media="screen")
    page.set_viewport_size(DESKTOP)


def test_links_lead_somewhere_ids_are_unique_and_pictures_are_told(unfolded: Unfolded) -> None:
    page = unfolded.it.page
    ids = page.locator("[id]").evaluate_all("all => all.map(each => each.id)")
    targets = page.locator("a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    told = page.locator("img[data-picture]").evaluate_all("all => all.map(each => each.alt)")
    assert len(ids) == len(set(ids))
    assert {*targets} <= {f"#{each}" for each in ids}
    assert all(len(alt) > 15 for alt in told)


@of_pages("changed")
def test_pictures_say_how_large_they_are(unfolded: Unfolded) -> None:
    sizes = unfolded.it.page.locator("img[data-picture]").evaluate_all(
        "all => all.map(each => ['width', 'height'].map(name => Number(each.getAttribute(name))))"
    )
    assert len(sizes) > 30
    assert all(min(size) > 0 for size in sizes)


@of_pages("changed", "same", "hostile", "absent", "series")
def test_axe_finds_nothing(unfolded: Unfolded) -> None:  # the last to look, for it does not leave the page whole
    assert axe_findings_light_and_dark(unfolded.it.page) == []


def test_reads_the_same_without_javascript(browser: Any, compared: dict[str, Path]) -> None:
    texts = []
    for enabled in (True, False):
        with opened(browser, compared["changed"], java_script_enabled=enabled) as it:
            if enabled:
                it.page.evaluate("document.querySelectorAll('.tools').forEach(each => each.remove())")
            it.page.evaluate(OPEN_ALL)
            texts.append(" ".join(it.page.inner_text("body").split()))
    assert texts[0] == texts[1]
    for phrase in (
        "Retrained or trained further: the weights of all 11 layers changed",
        "The prediction is cat in both",
        "block4_conv2",
        "± ",
        "hannels inactive on this image",
    ):
        assert phrase in texts[1]


def test_the_policy_is_strict_and_stops_what_would_be_slipped_in(browser: Any, compared: dict[str, Path], tmp_path: Path) -> None:
    breached = tmp_path / "breached.html"
    slipped_in = "<main><img src=x onerror=document.title='pwned'><script>document.title='pwned'</script>"
    breached.write_text(compared["changed"].read_text("utf-8").replace('<main id="content">', slipped_in), "utf-8")
    with opened(browser, breached) as it:
        policy = it.page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
        assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
        assert "unsafe" not in policy
        assert it.page.title() == "minivgg@early on cat.png → minivgg on cat.png"


@pytest.mark.parametrize("name", ["changed", "series"])
def test_by_keyboard_alone(browser: Any, compared: dict[str, Path], name: str) -> None:
    with opened(browser, compared[name], viewport={"width": 390, "height": 800}) as it:
        it.page.keyboard.press("Tab")
        assert it.page.inner_text(":focus") == "Skip to the content"
        folds = it.page.locator("details")
        states = folds.evaluate_all("all => all.map(each => each.open)")
        for place in range(len(states)):
            it.page.locator("summary").nth(place).press("Enter")
        assert folds.evaluate_all("all => all.map(each => each.open)") == [not state for state in states]
        it.page.evaluate(OPEN_ALL)
        reach = it.page.evaluate("""[...document.querySelectorAll('main *')]
            .filter(each => each.scrollWidth > each.clientWidth && getComputedStyle(each).overflowX === 'auto')
            .map(each => each.tabIndex)""")
        assert set(reach) <= {0}


def test_a_table_is_filtered_and_sorted(browser: Any, compared: dict[str, Path]) -> None:
    with opened(browser, compared["changed"]) as it:
        weights = it.page.locator("#weights")
        weights.get_by_label("Search rows: Change of each layer's weights").fill("block4")
        rows = weights.locator(".drift tbody tr:visible")
        assert [text.split()[0] for text in rows.all_inner_texts()] == ["block4_conv2", "block4_conv1"]
        weights.get_by_role("button", name="Relative change").first.click()
        assert [text.split()[0] for text in rows.all_inner_texts()] == ["block4_conv1", "block4_conv2"]


def test_a_folder_behind_jenkinss_header(browser: Any, cat_report: Report, tmp_path: Path) -> None:
    found = reportgen.diff(cat_report, replace(cat_report, title="new"))
    for name, content in render_comparison_folder(found).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    policy = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self'"
    with served(tmp_path, {"Content-Security-Policy": policy}) as address, opened(browser, f"{address}/index.html") as it:
        loaded = it.page.locator("img[data-picture]").evaluate_all("all => all.map(each => each.naturalWidth > 0)")
        assert loaded
        assert all(loaded)
        assert it.page.evaluate("getComputedStyle(document.querySelector('.outcome')).borderRadius") == "99px"
        assert all(url.startswith(address) for url in it.requests)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures of an element, which may be a pixel apart in size."""
    height, width = (min(sizes) for sizes in zip(one.shape, other.shape, strict=True))
    return float(np.abs(one[:height, :width].astype(int) - other[:height, :width]).mean())


def test_the_new_picture_slides_over_the_old_by_keyboard_and_captions_stay_true(browser: Any, compared: dict[str, Path]) -> None:
    with opened(browser, compared["changed"], viewport={"width": 1280, "height": 900}) as it:
        # the bare heatmaps: four points across, so that it does not matter if a column is a fraction of a pixel wider
        versus = it.page.locator("#attributions .versus").nth(1)
        before, after = (versus.locator(f".{age} .stack") for age in ("old", "new"))
        old, new = brightness(before), brightness(after)
        assert apart(old, new) > 5
        slider = versus.get_by_role("slider")
        slider.focus()
        it.page.keyboard.press("End")
        assert apart(brightness(before), new) < 2
        it.page.keyboard.press("Home")
        assert apart(brightness(before), old) == 0
        # the captions stay true meanwhile
        versus = it.page.locator("#feature_maps .versus").first
        versus.get_by_role("slider").focus()
        for key, text in (("ArrowRight", "Left: New. Right: Old"), ("End", "New"), ("Home", "Old")):
            it.page.keyboard.press(key)
            assert versus.locator(".old figcaption").inner_text() == text


def test_maps_are_enlarged_old_new_and_difference(browser: Any, compared: dict[str, Path]) -> None:
    with opened(browser, compared["changed"], viewport={"width": 1280, "height": 900}) as it:
        versus = it.page.locator("#feature_maps .versus").first
        numbers = versus.locator(".old .lines text").all_text_contents()
        assert numbers == [each.split("|")[0] for each in versus.get_attribute("data-tiles").split(";")[1:]]
        versus.locator(".tiles button").nth(1).press("Enter")
        panel = it.page.locator(".turning:popover-open")
        assert panel.locator("figcaption").all_inner_texts() == ["Old", "New", "New minus old"]
        assert panel.locator("b").inner_text() == f"Channel {numbers[1]}"
        boxes = panel.locator("svg").evaluate_all("all => all.map(each => each.getAttribute('viewBox'))")
        assert boxes == ["65 0 64 64"] * 3
        it.page.keyboard.press("ArrowRight")
        assert panel.locator("b").inner_text() == f"Channel {numbers[2]}"
        panel.get_by_role("button", name="Previous").click()
        assert panel.locator("b").inner_text() == f"Channel {numbers[1]}"
        assert axe_findings(it.page, within=".turning:popover-open") == []
        it.page.keyboard.press("Escape")
        assert panel.count() == 0
        assert it.messages == []


def test_on_a_phone_old_and_new_stand_under_each_other(browser: Any, compared: dict[str, Path]) -> None:
    with opened(browser, compared["changed"], viewport={"width": 390, "height": 844}) as it:
        old, new = (it.page.locator(f"#feature_maps .versus .{age} img").first.bounding_box() for age in ("old", "new"))
        assert old["x"] == new["x"]
        assert new["y"] > old["y"] + old["height"]
        assert old["width"] > 300
