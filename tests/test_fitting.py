"""A page kept within a size: what shrinks, by how much, and where that is not enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reportgen.sizes import parse_size, size_in_words

from reportgen.errors import OptionError
from reportgen.options import Options
from reportgen.page.fitting import fitted, halved
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.report import Report, find_sections

from .fake_probe import FakeProbe, f32, maps_of
from .test_codec import small_report


@pytest.fixture(scope="module")
def report() -> Report:
    """Six maps of 128, of 48 and of 32 pixels a side, of noise, which no packing makes smaller."""
    noise = np.random.default_rng(1)
    maps = [maps_of(row, f"conv{row}", f32(noise.random((side, side, 6)))) for row, side in ((1, 128), (2, 48), (3, 32))]
    return replace(small_report(), feature_maps=find_sections(FakeProbe(maps=tuple(maps)), Options(layers="all"))["feature_maps"])


def size_of(report: Report) -> int:
    return len(render(report).encode())


def reductions(report: Report) -> list[int]:
    maps: Any = report.feature_maps
    return [row.reduction for row in maps.rows]


def test_a_page_that_fits_is_left_as_it_is(report: Report) -> None:
    assert fitted(report, size_of(report)) == report


def test_the_largest_maps_shrink_first_and_no_further_than_they_must(report: Report) -> None:
    # as base64 the pictures take 131, 18 and 8 kB; at half the resolution the first takes 33 kB, then 8 kB, the second 5 kB
    for less, expected in ((1, [2, 1, 1]), (90_000, [2, 1, 1]), (110_000, [4, 1, 1]), (130_000, [4, 2, 1])):
        most = size_of(report) - less
        smaller = fitted(report, most)
        assert reductions(smaller) == expected
        assert size_of(smaller) <= most
        assert fitted(report, most) == smaller


def test_the_page_says_so_and_is_still_the_store(report: Report) -> None:
    assert "at a lower resolution" not in render(report)
    smaller = fitted(report, size_of(report) - 130_000)
    html = render(smaller)
    assert "the maps of conv1 and 1 more are shown at a lower resolution" in html
    assert "a point is the mean over 2 × 2 values" in html
    assert read(html) == smaller


def test_where_it_cannot_fit_it_says_what_it_takes(report: Report) -> None:
    with pytest.raises(OptionError, match=r"--max-size 2 kB: the page takes [\d.]+ kB with its maps as small as can be"):
        fitted(report, 2000)
    absent = replace(report, feature_maps=find_sections(FakeProbe(), Options())["feature_maps"])
    with pytest.raises(OptionError, match="as small as can be"):
        fitted(absent, 2000)


def test_a_point_is_the_mean_over_four_and_every_tile_stays_in_its_place() -> None:
    # maps of 3 x 5, so that an edge is half a square; three in a row with a gap of a pixel between them
    values = np.arange(45, dtype=np.float32).reshape(3, 5, 3) * 4
    (row,) = find_sections(FakeProbe(maps=(maps_of(1, "conv", values),)), Options(scale="layer"))["feature_maps"].rows
    # the picture's 0..255 stand for 0..176; channel 0 is 0, 12, 24, ... in rows of five: 0 17 35 52 70 / 87 104 122 139 156 / ...
    first = row.picture.values[:, :5].astype(int)
    assert first[:2].tolist() == [[0, 17, 35, 52, 70], [87, 104, 122, 139, 156]]
    smaller = halved(row)
    assert smaller.reduction == 2
    assert smaller.picture is not None
    assert smaller.picture.values.shape == (2, 3 * 3 + 2)
    # the means of 0, 17, 87 and 104, of 35, 52, 122 and 139, of 70 and 156
    assert smaller.picture.values[0, :3].tolist() == [52, 87, 113]
    for place in range(3):
        tile = row.picture.values[:, 6 * place : 6 * place + 5].astype(float)
        assert smaller.picture.values[0, 4 * place] == np.rint(tile[:2, :2].mean())
    assert smaller.picture.values[:, 3].tolist() == smaller.picture.values[:, 7].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "size"),
    [("5MB", 5_000_000), ("800 kB", 800_000), ("1.5MiB", 1_572_864), ("2gb", 2_000_000_000), ("123456", 123_456), ("7 B", 7)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "5 XB", "5M", "-5MB", "5,5MB", "1e3", "nan", "9" * 400, "٥MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "words"), [(7, "7 bytes"), (999_499, "999 kB"), (999_500, "1 MB"), (5_000_000, "5 MB"), (1_234_567, "1.23 MB")]
)
def test_sizes_are_told(size: int, words: str) -> None:
    assert size_in_words(size) == words
