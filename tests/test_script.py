"""The comforts that JavaScript adds: maps in other colours, a place in the picture, and the address that keeps it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.picture import palette

from .browser import axe_findings_light_and_dark, opened, served
from .samples import HOSTILE
from .test_enlarging import assert_same_picture, places_of
from .test_script_tables import copied

pytestmark = pytest.mark.browser
BUSY = "#feature_maps?colour=magma&scale=layer&order=activity&t1.find=conv1&t1.sort=-4"


def at_fragment(page: Any, fragment: str) -> None:
    """The page opened anew with this fragment."""
    address = page.url.split("#")[0]
    page.goto("about:blank")
    page.goto(address + fragment)


def chosen(page: Any, colour: str, scale: str, order: str) -> None:
    page.get_by_label("Colours").select_option(colour)
    page.get_by_label("Scale by").select_option(scale)
    page.get_by_label("Order by").select_option(order)
    settled(page)


def settled(page: Any) -> None:
    """Until the last layer's maps have been drawn anew."""
    page.locator("html[data-drawn=true]").wait_for()


@pytest.mark.parametrize(("scale", "order"), [("map", "index"), ("layer", "activity")])
def test_maps_are_recoloured_rescaled_and_reordered(page: Any, reports: dict[str, Report], scale: str, order: str) -> None:
    maps: Any = reports["plain"].feature_maps
    row = maps.rows[3]
    chosen(page, "magma", scale, order)
    places = range(row.channels_shown)
    if order == "activity":
        places = sorted(places, key=lambda place: (-row.channels[place].active, -row.channels[place].mean, place))  # type: ignore[assignment]
    buttons = page.locator(f"#maps-{row.index} + figure .tiles button")
    labels = [label.removesuffix(", inactive") for label in buttons.evaluate_all("all => all.map(each => each.ariaLabel)")]
    assert labels == [f"Channel {place}" for place in places]
    colours = np.frombuffer(palette("magma"), np.uint8).reshape(256, 3)
    for at in (0, 5, row.channels_shown - 1):
        values = places_of(row, places[at]).astype(float)
        if scale == "layer":
            channel = row.channels[places[at]]
            real = channel.min + values / 255 * (channel.max - channel.min)
            values = np.floor((real - row.min) / (row.max - row.min) * 255 + 0.5)
        buttons.nth(at).press("Enter")
        assert_same_picture(page.locator(".tile:popover-open > svg"), colours[values.astype(int)])
        page.keyboard.press("Escape")
    scales = page.locator(f"#maps-{row.index} + figure > .scale span").all_inner_texts()
    assert scales == (["min of the map", "max of the map"] if scale == "map" else [f"{row.min:.4g}", f"{row.max:.4g}"])


def test_the_last_of_many_quick_choices_counts(page: Any) -> None:
    # all in one go, while the first is still being drawn
    page.evaluate("""() => {
        const [colour, , order] = document.querySelectorAll('.tools select');
        for (const name of ['magma', 'gray', 'cividis', 'magma', 'gray']) {
            colour.value = name;
            colour.dispatchEvent(new Event('change'));
            order.value = name === 'gray' ? 'activity' : 'index';
            order.dispatchEvent(new Event('change'));
        }
    }""")
    settled(page)
    quick = page.locator(".canvas image").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    at_fragment(page, "#?colour=gray&order=activity")
    settled(page)
    assert page.locator(".canvas image").evaluate_all("all => all.map(each => each.getAttribute('href'))") == quick


def shown_inactive(row: Any) -> list[int]:
    return [channel.channel for channel in row.channels if channel.channel in row.inactive]


def test_inactive_channels_stay_crossed_where_they_went(page: Any, reports: dict[str, Report]) -> None:
    maps: Any = reports["plain"].feature_maps
    row = max(maps.rows, key=lambda each: len(shown_inactive(each)))
    chosen(page, "viridis", "map", "activity")
    path = page.locator(f"#maps-{row.index} + figure .inactive").get_attribute("d")
    inactive = len(shown_inactive(row))
    assert path.count("M") == inactive > 0
    # the least active are last: all crosses begin in the last rows
    height = -(-row.shape[0] // row.reduction) + 1
    lines = sorted(int(float(cross.split(" ")[1].split("l")[0]) // height) for cross in path.split("M")[1:])
    expected = sorted(place // row.columns for place in range(row.channels_shown - inactive, row.channels_shown))
    assert lines == expected


def test_what_was_made_comes_back_untouched(page: Any) -> None:
    sources = "[...document.querySelectorAll('.canvas image')].map(each => each.getAttribute('href'))"
    before = page.evaluate(sources)
    chosen(page, "gray", "layer", "activity")
    assert all(one != other for one, other in zip(before, page.evaluate(sources), strict=True))
    chosen(page, "viridis", "map", "index")
    assert page.evaluate(sources) == before
    assert "?" not in page.url


def test_the_address_keeps_what_was_chosen(page: Any) -> None:
    chosen(page, "magma", "layer", "activity")
    page.get_by_label("Search rows: Layers").fill("conv1")
    for _ in range(2):
        page.locator("#layers th button").nth(4).click()
    page.locator("nav a", has_text="Feature maps").click()
    page.wait_for_url("**#feature_maps?*")
    assert page.evaluate("location.hash") == BUSY
    before = page.locator("main").inner_text()
    at_fragment(page, BUSY)
    settled(page)
    assert page.get_by_label("Colours").input_value() == "magma"
    assert page.get_by_label("Search rows: Layers").input_value() == "conv1"
    assert page.locator("main").inner_text() == before
    assert abs(page.locator("#feature_maps").bounding_box()["y"]) < 40


def test_an_address_from_elsewhere_does_no_harm(page: Any) -> None:
    for fragment in (
        "#?colour=constructor&scale=__proto__&order=toString&t1.sort=99&t2.sort=constructor",
        "#x?t1.find=<img src=x onerror=alert(1)>",
        "#?" + "%ff%00" * 50,
        "#???&&&==",
        "#layers?t0.sort=-",
    ):
        at_fragment(page, fragment)
        assert page.get_by_label("Colours").input_value() == "viridis", fragment
        assert page.locator("main img:not([data-picture])").count() == 0
        assert page.title() == "minivgg on cat.png: cat 98.7\N{NO-BREAK SPACE}%"


def test_a_map_under_the_pointer_shows_its_place_in_the_picture(page: Any, reports: dict[str, Report]) -> None:
    maps: Any = reports["plain"].feature_maps
    row = maps.rows[-1]
    assert row.shape[:2] == (4, 4)
    button = page.locator(f"#maps-{row.index} + figure .tiles button").nth(9)
    box = button.bounding_box()
    # the third of four columns, the second of four rows, of a picture of 64 x 64
    button.hover(position={"x": box["width"] * 0.6, "y": box["height"] * 0.4})
    where = page.locator(".where")
    assert where.is_visible()
    assert [where.locator("rect.cell").get_attribute(name) for name in ("x", "y", "width", "height")] == ["32", "16", "16", "16"]
    assert where.inner_text().strip().startswith("Channel 9")
    assert where.inner_text().strip().endswith("row 1, column 2")
    page.mouse.move(2, 2)
    assert not where.is_visible()
    button.hover()
    assert where.is_visible()
    button.click()
    assert not where.is_visible()


def test_arrows_lead_from_map_to_map(page: Any) -> None:
    first = page.locator(".tiles").first.locator("button")
    first.nth(1).press("Enter")
    for key, place in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        assert page.locator(":popover-open > p b").all_inner_texts() == [f"Channel {place}"]
    page.keyboard.press("Escape")
    assert page.locator(":popover-open").count() == 0
    assert page.evaluate("document.activeElement.ariaLabel") == "Channel 2"


def test_hostile_strings_do_nothing_in_the_comforts(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["hostile"]) as it:
        rows = copied(it.page, "layers")
        assert rows[1][1] == f"path {HOSTILE}"
        it.page.locator("#layers th button").nth(1).click()
        it.page.get_by_label("Search rows: Layers").fill('"><img src=x')
        chosen(it.page, "magma", "layer", "activity")
        it.page.locator(".tiles button").nth(3).hover()
        it.page.locator(".tiles button").nth(3).press("Enter")
        assert it.page.title().startswith(f"title {HOSTILE}")
        assert it.messages == []
        assert it.page.locator("img:not([data-picture]), [onerror]").count() == 0


def test_axe_finds_nothing_with_everything_in_use(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"], viewport={"width": 1280, "height": 900}) as it:
        at_fragment(it.page, BUSY)
        settled(it.page)
        it.page.locator(".tiles button").nth(3).hover()
        assert it.page.locator(".where").is_visible()
        assert it.page.locator("[aria-sort]").count() == 1
        assert axe_findings_light_and_dark(it.page) == []


@pytest.fixture(scope="module")
def folder(cat_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report as a folder."""
    path = tmp_path_factory.mktemp("folder")
    for name, content in reportgen.render_folder(cat_report).items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_folder_on_a_server_is_recoloured_too(browser: Any, folder: Path) -> None:
    with served(folder, {}) as address, opened(browser, f"{address}/index.html") as it:
        chosen(it.page, "magma", "map", "index")
        sources = it.page.locator(".canvas image").evaluate_all("all => all.map(each => each.getAttribute('href').slice(0, 22))")
        assert {*sources} == {"data:image/png;base64,"}
        assert it.messages == []


def test_a_folder_on_the_disk_says_that_it_cannot_be_recoloured(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html") as it:
        it.page.get_by_label("Colours").select_option("magma")
        it.page.get_by_text("keeps the pictures of a page on the disk to itself").wait_for()
        assert it.messages == []
