"""An enlarged map beside the image: its peak, the chosen place with its value and receptive field, and the filter itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Picture, Report
from reportgen.layer_calls import ReceptiveField
from reportgen.options import Options
from reportgen.picture import DIVERGING
from reportgen.sections.feature_maps.find import find_feature_maps, is_signed
from reportgen.sections.feature_maps.shown import shown_maps

from .browser import axe_findings_light_and_dark, opened
from .fake_probe import FakeProbe, maps_of
from .test_enlarging import places_of


def frame(page: Any, name: str) -> list[float]:
    """The box of a frame in the enlarged map's image, in pixels of the input."""
    rect = page.locator(f".tile:popover-open .extra rect.{name}")
    return [float(rect.get_attribute(each)) for each in ("x", "y", "width", "height")]


def enlarged(page: Any, index: int, channel: int) -> Any:
    page.locator(f"[popovertarget=maps-{index}-{channel}]").press("Enter")
    tile = page.locator(".tile:popover-open")
    tile.locator("output").filter(has_text="about").wait_for()
    return tile


@pytest.mark.browser
def test_the_receptive_field_of_the_chosen_place_is_drawn(page: Any, reports: dict[str, Report]) -> None:
    # block1_conv2: two convolutions 3 x 3, so that a value sees 5 x 5 pixels around its own
    maps: Any = reports["plain"].feature_maps
    row = maps.rows[1]
    channel = row.channels[4]
    tile = enlarged(page, row.index, channel.channel)
    down, across = channel.peak
    left, top, right, bottom = max(0, across - 2), max(0, down - 2), min(64, across + 3), min(64, down + 3)
    assert frame(page, "cell") == [across, down, 1, 1]
    assert frame(page, "seen") == [left, top, right - left, bottom - top]
    values = shown_maps(row, maps.scale).values[4]
    assert (
        np.unravel_index(values.argmax(), values.shape) == channel.peak
        or values.max() - values[channel.peak] <= (channel.max - channel.min) / 255
    )
    assert tile.locator("output").inner_text() == f"Row {down}, column {across}: about {channel.max:.4g}"
    page.keyboard.press("Shift+ArrowUp" if down else "Shift+ArrowDown")
    moved = down - 1 if down else 1
    tile.locator("output").filter(has_text=f"Row {moved}, column {across}: about").wait_for()
    assert frame(page, "cell") == [across, moved, 1, 1]
    told = float(tile.locator("output").inner_text().split("about ")[1])
    place = places_of(row, 4)[moved, across]
    assert told == pytest.approx(channel.min + place / 255 * (channel.max - channel.min), rel=1e-3, abs=1e-6)


@pytest.mark.browser
def test_a_field_behind_pooling_is_cut_at_the_images_edge(page: Any, reports: dict[str, Report]) -> None:
    report: Any = reports["plain"]
    row = report.feature_maps.rows[-1]
    field = next(each.receptive_field for each in report.layers.rows if each.index == row.index)
    tile = enlarged(page, row.index, row.channels[1].channel)
    box = tile.locator("> svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.9)  # row 3, column 1 of 4 x 4
    tile.locator("output").filter(has_text="Row 3, column 1: about").wait_for()
    size, stride, offset = field.size, field.stride, field.offset
    middle = [offset[axis] + 0.5 + at * stride[axis] for axis, at in enumerate((3, 1))]
    edges = [(max(0, at - size[axis] / 2), min(64, at + size[axis] / 2)) for axis, at in enumerate(middle)]
    assert frame(page, "seen") == [edges[1][0], edges[0][0], edges[1][1] - edges[1][0], edges[0][1] - edges[0][0]]
    assert frame(page, "cell") == [16, 48, 16, 16]


@pytest.mark.browser
@pytest.mark.parametrize("extent", ["whole", "unknown", None])
def test_other_fields_are_the_whole_image_or_none(browser: Any, cat_report: Report, tmp_path: Path, extent: Any) -> None:
    layers: Any = cat_report.layers
    rows = tuple(replace(row, receptive_field=ReceptiveField(extent=extent) if extent else None) for row in layers.rows)
    report = replace(cat_report, layers=replace(layers, rows=rows))
    if extent is None:  # no table of layers at all
        report = replace(report, layers=Absent("None."), first_filters=Absent("None."), feature_visualization=Absent("None."))
    (tmp_path / "page.html").write_text(reportgen.render(report), "utf-8")
    with opened(browser, tmp_path / "page.html") as it:
        enlarged(it.page, 2, 3)
        if extent == "whole":
            assert frame(it.page, "seen") == [0, 0, 64, 64]
        else:
            assert not it.page.locator(".tile:popover-open .extra rect.seen").is_visible()
        assert frame(it.page, "cell")[2:] == [1, 1]
        assert it.messages == []


@pytest.mark.browser
def test_the_filter_itself_stands_beside_its_map(page: Any, reports: dict[str, Report]) -> None:
    excited: Any = reports["plain"].feature_visualization
    row = excited.rows[-1]
    assert enlarged(page, 2, 3).locator(".extra figcaption").all_inner_texts()[1:] == ["The filter’s weights"]
    page.keyboard.press("Escape")
    tile = enlarged(page, row.index, row.channel)
    assert tile.locator(".extra figcaption").all_inner_texts()[1:] == ["A picture that excites it"]
    assert page.locator(".extra").count() == 1


@pytest.mark.browser
def test_buttons_lead_on_and_close(page: Any) -> None:
    enlarged(page, 2, 3)
    for name, channel in (("Next ›", 4), ("Next ›", 5), ("‹ Previous", 4)):
        page.locator(".tile:popover-open").get_by_role("button", name=name).click()
        assert page.locator(".tile:popover-open > p b").inner_text() == f"Channel {channel}"
    page.locator(".tile:popover-open").get_by_role("button", name="Close").click()
    page.locator(".extra").wait_for(state="detached")  # a popover tells of its change a moment later
    assert page.locator(".tile:popover-open, .foot").count() == 0


@pytest.mark.browser
def test_axe_finds_nothing_in_it(page: Any) -> None:
    enlarged(page, 2, 3)
    assert axe_findings_light_and_dark(page, ":popover-open") == []


@pytest.mark.browser
def test_the_caption_follows_the_order(page: Any) -> None:
    caption = page.locator("#maps-2-end")
    assert "by number" in caption.inner_text()
    page.get_by_label("Order by").select_option("activity")
    page.locator("html[data-drawn=true]").wait_for()
    assert "the most active first" in caption.inner_text()
    assert "by number" not in caption.inner_text()


def table_of(values: np.ndarray, **options: Any) -> Any:
    return find_feature_maps(FakeProbe(maps=(maps_of(1, "conv", values.astype(np.float32)),)), Options(**options))


@pytest.mark.parametrize("scale", ["map", "layer"])
def test_maps_of_either_sign_have_0_in_the_middle(scale: Any) -> None:
    values = np.array([[[-2.0, 1.0, 0.0], [4.0, 0.5, 0.0]], [[0.0, 0.25, 0.0], [-1.0, 0.0, 0.0]]])
    table = table_of(values, scale=scale, sort="index")
    row = table.rows[0]
    assert row.signed
    picture: Picture = row.picture
    assert picture.colormap == DIVERGING
    most = np.array([4.0, 1.0, 0.0]) if scale == "map" else np.full(3, 4.0)
    tiles = [picture.values[:, 3 * at : 3 * at + 2] for at in range(3)]
    for at in range(2):
        expected = (values[..., at] + most[at]) * 255 / (2 * most[at])
        assert np.abs(tiles[at] - expected).max() <= 0.5
    assert {*tiles[2].ravel().tolist()} <= {127, 128}  # 0 everywhere is neither blue nor red
    shown = shown_maps(row, scale)
    assert np.abs(shown.values[:2] - values.transpose(2, 0, 1)[:2]).max() <= shown.steps.max() / 2 + 1e-6
    assert row.channels[0].peak == (0, 1)
    assert row.channels[2].peak is None


def test_a_dip_below_0_is_no_sign() -> None:
    assert not is_signed(-0.28, 5.0)
    assert not is_signed(0.0, 5.0)
    assert not is_signed(-5.0, -1.0)
    assert not is_signed(float("nan"), 1.0)
    assert is_signed(-1.0, 5.0)
    row = table_of(np.array([[[0.5], [2.0]]])).rows[0]
    assert not row.signed
    assert row.picture.colormap == "viridis"


def test_a_peak_among_numbers_that_are_none() -> None:
    values = np.full((2, 3, 2), np.nan)
    values[1, 2, 0], values[0, 1, 0] = 3.0, np.inf
    channels = table_of(values, sort="index").rows[0].channels
    assert [channel.peak for channel in channels] == [(1, 2), None]
