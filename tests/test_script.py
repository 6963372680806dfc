"""The comforts that JavaScript adds: tables, maps in other colours, a place in the picture, and the address that keeps it all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.picture import palette

from .browser import Opened, axe_findings_light_and_dark, opened, served
from .samples import HOSTILE
from .test_enlarging import assert_same_picture, places_of

pytestmark = pytest.mark.browser
BUSY = "#feature_maps?colour=magma&scale=layer&order=activity&t1.find=conv1&t1.sort=-4"


@pytest.fixture
def it(browser: Any, pages: dict[str, Path]) -> Iterator[Opened]:
    """The plain page with JavaScript; no test may leave an error behind."""
    with opened(browser, pages["plain"], viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as it:
        yield it
        assert it.messages == []


def at_fragment(it: Opened, fragment: str) -> None:
    """The page opened anew with this fragment."""
    address = it.page.url.split("#")[0]
    it.page.goto("about:blank")
    it.page.goto(address + fragment)


def column(page: Any, section: str, place: int) -> list[str]:
    """The texts of a column of a section's first table, of the rows that are seen."""
    cells = page.locator(f"#{section} table").first.locator(f"tbody tr:visible > :nth-child({place + 1})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_a_table_is_sorted_both_ways_and_back(it: Opened) -> None:
    parameters = it.page.locator("#layers th button").nth(5)
    head = it.page.locator("#layers th").nth(5)
    before = column(it.page, "layers", 5)
    numbers = [int(text.replace(",", "")) for text in before]
    parameters.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [int(text.replace(",", "")) for text in column(it.page, "layers", 5)] == sorted(numbers)
    parameters.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [int(text.replace(",", "")) for text in column(it.page, "layers", 5)] == sorted(numbers, reverse=True)
    parameters.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert column(it.page, "layers", 5) == before


def test_names_are_sorted_as_names_with_their_numbers(it: Opened) -> None:
    it.page.locator("#layers th button").nth(2).click()
    kinds = column(it.page, "layers", 2)
    assert kinds == sorted(kinds)
    it.page.locator("#layers th button").nth(3).click()
    shapes = [tuple(int(part) for part in text.strip("(,)").split(",")) for text in column(it.page, "layers", 3)]
    assert shapes == sorted(shapes)


def test_small_and_large_figures_are_sorted_as_numbers(it: Opened) -> None:
    it.page.locator("#filters th button").nth(5).click()
    means = [float(text) for text in column(it.page, "filters", 5)]
    assert means == sorted(means)
    assert any(abs(mean) < 1e-3 for mean in means)
    assert min(means) < 0 < max(means)


def test_a_table_is_filtered(it: Opened) -> None:
    it.page.get_by_label("Search rows: Layers").fill("MAXPOOL")
    kinds = column(it.page, "layers", 2)
    assert {*kinds} == {"MaxPooling2D"}
    assert it.page.locator("#layers output").inner_text() == f"{len(kinds)} of 19 rows"
    it.page.get_by_label("Search rows: Layers").fill("")
    assert len(column(it.page, "layers", 2)) == 19
    assert it.page.locator("#layers output").inner_text() == ""


def copied(it: Opened, section: str) -> list[list[str]]:
    """What the section's first table is as CSV, read back by Python."""
    it.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    it.page.locator(f"#{section}").get_by_role("button", name="Copy as CSV").first.click()
    it.page.locator(f"#{section} output").filter(has_text="Copied").wait_for()
    return list(csv.reader(io.StringIO(it.page.evaluate("navigator.clipboard.readText()"))))


def test_a_table_is_copied_as_csv(it: Opened, reports: dict[str, Report]) -> None:
    layers: Any = reports["plain"].layers
    rows = copied(it, "layers")
    assert rows[0] == [
        "Index",
        "Path",
        "Type",
        "Output shape",
        "Receptive field",
        "Parameters",
        "Multiply-adds",
        "Trainable",
        "Fed by",
    ]
    assert [row[1] for row in rows[1:-1]] == [row.path for row in layers.rows]
    assert {len(row) for row in rows} == {9}
    assert rows[1][3] == "(64, 64, 3)"
    it.page.get_by_label("Search rows: Layers").fill("block3")
    assert all("block3" in " ".join(row) for row in copied(it, "layers")[1:-1])


def test_what_is_copied_is_no_formula(browser: Any, pages: dict[str, Path], reports: dict[str, Report], tmp_path: Path) -> None:
    html = pages["plain"].read_text("utf-8").replace(">block1_conv1<", ">=HYPERLINK(1)<").replace(">block1_conv2<", ">-1+cmd<")
    (tmp_path / "formula.html").write_text(html, "utf-8")
    with opened(browser, tmp_path / "formula.html") as it:
        rows = copied(it, "filters")
    assert [row[1] for row in rows[1:3]] == ["'=HYPERLINK(1)", "'-1+cmd"]
    # a negative number stays one
    filters: Any = reports["plain"].filters
    assert [row[5] for row in rows[1:]] == [f"{row.mean:.4g}" for row in filters.rows]
    assert any(row[5].startswith("-") for row in rows)


def chosen(it: Opened, colour: str, scale: str, order: str) -> None:
    it.page.get_by_label("Colours").select_option(colour)
    it.page.get_by_label("Scale by").select_option(scale)
    it.page.get_by_label("Order by").select_option(order)
    settled(it)


def settled(it: Opened) -> None:
    """Until the last layer's maps have been drawn anew."""
    it.page.locator("html[data-drawn=true]").wait_for()


@pytest.mark.parametrize("order", ["index", "activity"])
@pytest.mark.parametrize("scale", ["map", "layer"])
def test_maps_are_recoloured_rescaled_and_reordered(it: Opened, reports: dict[str, Report], scale: str, order: str) -> None:
    maps: Any = reports["plain"].feature_maps
    row = maps.rows[3]
    chosen(it, "magma", scale, order)
    places = range(row.channels_shown)
    if order == "activity":
        places = sorted(places, key=lambda place: (-row.channels[place].active, -row.channels[place].mean, place))  # type: ignore[assignment]
    buttons = it.page.locator(f"#maps-{row.index} + figure .tiles button")
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
        assert_same_picture(it.page.locator(".tile:popover-open > svg"), colours[values.astype(int)])
        it.page.keyboard.press("Escape")
    scales = it.page.locator(f"#maps-{row.index} + figure > .scale span").all_inner_texts()
    assert scales == (["min of the map", "max of the map"] if scale == "map" else [f"{row.min:.4g}", f"{row.max:.4g}"])


def test_the_last_of_many_quick_choices_counts(it: Opened) -> None:
    # all in one go, while the first is still being drawn
    it.page.evaluate("""() => {
        const [colour, , order] = document.querySelectorAll('.tools select');
        for (const name of ['magma', 'gray', 'cividis', 'magma', 'gray']) {
            colour.value = name;
            colour.dispatchEvent(new Event('change'));
            order.value = name === 'gray' ? 'activity' : 'index';
            order.dispatchEvent(new Event('change'));
        }
    }""")
    settled(it)
    quick = it.page.locator(".canvas image").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    at_fragment(it, "#?colour=gray&order=activity")
    settled(it)
    assert it.page.locator(".canvas image").evaluate_all("all => all.map(each => each.getAttribute('href'))") == quick


def shown_inactive(row: Any) -> list[int]:
    return [channel.channel for channel in row.channels if channel.channel in row.inactive]


def test_inactive_channels_stay_crossed_where_they_went(it: Opened, reports: dict[str, Report]) -> None:
    maps: Any = reports["plain"].feature_maps
    row = max(maps.rows, key=lambda each: len(shown_inactive(each)))
    chosen(it, "viridis", "map", "activity")
    path = it.page.locator(f"#maps-{row.index} + figure .inactive").get_attribute("d")
    inactive = len(shown_inactive(row))
    assert path.count("M") == inactive > 0
    # the least active are last: all crosses begin in the last rows
    height = -(-row.shape[0] // row.reduction) + 1
    lines = sorted(int(float(cross.split(" ")[1].split("l")[0]) // height) for cross in path.split("M")[1:])
    expected = sorted(place // row.columns for place in range(row.channels_shown - inactive, row.channels_shown))
    assert lines == expected


def test_what_was_made_comes_back_untouched(it: Opened) -> None:
    sources = "[...document.querySelectorAll('.canvas image')].map(each => each.getAttribute('href'))"
    before = it.page.evaluate(sources)
    chosen(it, "gray", "layer", "activity")
    assert all(one != other for one, other in zip(before, it.page.evaluate(sources), strict=True))
    chosen(it, "viridis", "map", "index")
    assert it.page.evaluate(sources) == before
    assert "?" not in it.page.url


def test_the_address_keeps_what_was_chosen(it: Opened) -> None:
    chosen(it, "magma", "layer", "activity")
    it.page.get_by_label("Search rows: Layers").fill("conv1")
    for _ in range(2):
        it.page.locator("#layers th button").nth(4).click()
    it.page.locator("nav a", has_text="Feature maps").click()
    it.page.wait_for_url("**#feature_maps?*")
    assert it.page.evaluate("location.hash") == BUSY
    before = it.page.locator("main").inner_text()
    at_fragment(it, BUSY)
    settled(it)
    assert it.page.get_by_label("Colours").input_value() == "magma"
    assert it.page.get_by_label("Search rows: Layers").input_value() == "conv1"
    assert it.page.locator("main").inner_text() == before
    assert abs(it.page.locator("#feature_maps").bounding_box()["y"]) < 40


@pytest.mark.parametrize(
    "fragment",
    ["#?colour=constructor&scale=__proto__&order=toString&t1.sort=99&t2.sort=constructor",
     "#x?t1.find=<img src=x onerror=alert(1)>", "#?" + "%ff%00" * 50, "#???&&&==", "#layers?t0.sort=-"],
)  # fmt: skip
def test_an_address_from_elsewhere_does_no_harm(it: Opened, fragment: str) -> None:
    at_fragment(it, fragment)
    assert it.page.get_by_label("Colours").input_value() == "viridis"
    assert it.page.locator("main img:not([data-picture])").count() == 0
    assert it.page.title() == "minivgg on cat.png: cat 98.7\N{NO-BREAK SPACE}%"


def test_a_map_under_the_pointer_shows_its_place_in_the_picture(it: Opened, reports: dict[str, Report]) -> None:
    maps: Any = reports["plain"].feature_maps
    row = maps.rows[-1]
    assert row.shape[:2] == (4, 4)
    button = it.page.locator(f"#maps-{row.index} + figure .tiles button").nth(9)
    box = button.bounding_box()
    # the third of four columns, the second of four rows, of a picture of 64 x 64
    button.hover(position={"x": box["width"] * 0.6, "y": box["height"] * 0.4})
    where = it.page.locator(".where")
    assert where.is_visible()
    assert [where.locator("rect.cell").get_attribute(name) for name in ("x", "y", "width", "height")] == ["32", "16", "16", "16"]
    assert where.inner_text().strip().startswith("Channel 9")
    assert where.inner_text().strip().endswith("row 1, column 2")
    it.page.mouse.move(2, 2)
    assert not where.is_visible()
    button.hover()
    assert where.is_visible()
    button.click()
    assert not where.is_visible()


def test_arrows_lead_from_map_to_map(it: Opened) -> None:
    first = it.page.locator(".tiles").first.locator("button")
    first.nth(1).press("Enter")
    for key, place in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        it.page.keyboard.press(key)
        assert it.page.locator(":popover-open > p b").all_inner_texts() == [f"Channel {place}"]
    it.page.keyboard.press("Escape")
    assert it.page.locator(":popover-open").count() == 0
    assert it.page.evaluate("document.activeElement.ariaLabel") == "Channel 2"


def test_hostile_strings_do_nothing_in_the_comforts(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["hostile"]) as it:
        rows = copied(it, "layers")
        assert rows[1][1] == f"path {HOSTILE}"
        it.page.locator("#layers th button").nth(1).click()
        it.page.get_by_label("Search rows: Layers").fill('"><img src=x')
        chosen(it, "magma", "layer", "activity")
        it.page.locator(".tiles button").nth(3).hover()
        it.page.locator(".tiles button").nth(3).press("Enter")
        assert it.page.title().startswith(f"title {HOSTILE}")
        assert it.messages == []
        assert it.page.locator("img:not([data-picture]), [onerror]").count() == 0


def test_axe_finds_nothing_with_everything_in_use(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"], viewport={"width": 1280, "height": 900}) as it:
        at_fragment(it, BUSY)
        settled(it)
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
        chosen(it, "magma", "map", "index")
        sources = it.page.locator(".canvas image").evaluate_all("all => all.map(each => each.getAttribute('href').slice(0, 22))")
        assert {*sources} == {"data:image/png;base64,"}
        assert it.messages == []


def test_a_folder_on_the_disk_says_that_it_cannot_be_recoloured(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html") as it:
        it.page.get_by_label("Colours").select_option("magma")
        it.page.get_by_text("keeps the pictures of a page on the disk to itself").wait_for()
        assert it.messages == []
