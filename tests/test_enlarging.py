"""The maps in a real browser: each enlarged by keyboard, with its figures, the very picture that the report holds."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen import Report
from reportgen.picture import palette

from .browser import axe_findings_light_and_dark, opened

pytestmark = pytest.mark.browser


def test_every_map_can_be_enlarged_and_inactive_ones_are_crossed(
    browser: Any, reports: dict[str, Report], pages: dict[str, Path]
) -> None:
    maps: Any = reports["long"].feature_maps
    rows = [row for row in maps.rows if row.picture]
    channels = [(row.index, channel) for row in rows for channel in row.channels]
    with opened(browser, pages["long"]) as it:
        buttons = it.page.locator(".tiles button").evaluate_all(
            "all => all.map(each => [each.ariaLabel, each.popoverTargetElement.id])"
        )
        texts = it.page.locator(".tile[popover]:not(.turning)").all_text_contents()
        crosses = it.page.locator(".inactive").evaluate_all(
            "all => all.map(each => each.getAttribute('d').split('M').length - 1)"
        )
    assert [place for _, place in buttons] == [f"maps-{index}-{channel.channel}" for index, channel in channels]
    assert all(f"Channel {channel.channel} " in text for text, (_, channel) in zip(texts, channels, strict=True))
    inactive = sum(channel.channel in row.inactive for row in rows for channel in row.channels)
    assert inactive == sum(crosses) == sum(label.endswith(", inactive") for label, _ in buttons)
    assert 2 <= inactive < len(channels)


def test_no_picture_is_kept_twice(pages: dict[str, Path]) -> None:
    html = pages["plain"].read_text("utf-8")
    kept = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert len(kept) == len(set(kept)) == 99
    assert len(html) < 1_000_000


def test_a_map_is_enlarged_by_keyboard_without_javascript(
    browser: Any, reports: dict[str, Report], pages: dict[str, Path]
) -> None:
    maps: Any = reports["plain"].feature_maps
    with opened(browser, pages["plain"], java_script_enabled=False, reduced_motion="reduce") as it:
        for row in maps.rows[1::4]:
            place = row.channels_shown - 2
            enlarged = it.page.locator(f"#maps-{row.index}-{place}")
            assert not enlarged.is_visible()
            it.page.locator(f"[popovertarget=maps-{row.index}-{place}]").first.press("Enter")
            assert enlarged.is_visible()
            channel = row.channels[place]
            told = enlarged.inner_text().replace("\xa0", " ")
            assert (
                f"Channel {place} {channel.min:.4g} to {channel.max:.4g}, mean {channel.mean:.4g}, {channel.active:.1%}".replace(
                    "%", " % active"
                )
                in told
            )
            assert f"peak at row {channel.peak[0]}, column {channel.peak[1]}" in told
            assert_same_picture(enlarged.locator("svg"), tile_of(row, place))
            it.page.keyboard.press("Escape")
            assert not enlarged.is_visible()
            assert it.page.evaluate("document.activeElement.ariaLabel") == f"Channel {place}"


@pytest.mark.parametrize("name", ["plain", "long"])
def test_an_enlarged_map_fits_any_screen(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name]) as it:
        for width, height in ((320, 480), (390, 844), (1280, 500)):
            it.page.set_viewport_size({"width": width, "height": height})
            it.page.locator(".tiles button").nth(3).press("Enter")
            box = it.page.locator(":popover-open").bounding_box()
            picture = it.page.locator(":popover-open > svg").bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
            assert 0 <= box["y"] <= box["y"] + box["height"] <= height
            assert min(picture["width"], picture["height"]) >= 180
            assert it.page.evaluate("document.documentElement.scrollWidth") == width
            it.page.keyboard.press("Escape")


def test_axe_finds_nothing_in_an_enlarged_map(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["hostile"]) as it:
        it.page.locator(".tiles button").nth(3).press("Enter")
        assert it.page.locator(":popover-open").count() == 1
        assert axe_findings_light_and_dark(it.page, ":popover-open") == []


def tile_of(row: Any, place: int) -> np.ndarray:
    """The colours (h, w, 3) of one map in its layer's picture."""
    tile: np.ndarray = np.frombuffer(palette(row.picture.colormap), np.uint8).reshape(256, 3)[places_of(row, place)]
    return tile


def places_of(row: Any, place: int) -> np.ndarray:
    """The places (h, w) in the colormap, 0 to 255, of one map in its layer's picture."""
    height, width = (-(-side // row.reduction) for side in row.shape[:2])
    top, left = place // row.columns * (height + 1), place % row.columns * (width + 1)
    values: np.ndarray = row.picture.values[top : top + height, left : left + width]
    return values


def assert_same_picture(element: Any, expected: np.ndarray) -> None:
    """What is on the screen is `expected`, each of its pixels enlarged to a square: compared at the squares' middles."""
    shot = np.asarray(Image.open(BytesIO(element.screenshot())).convert("RGB"))
    down, across = ((np.arange(count) + 0.5) * size / count for count, size in zip(expected.shape, shot.shape[:2], strict=False))
    assert np.array_equal(shot[np.ix_(down.astype(int), across.astype(int))], expected)
