"""Charts of distributions: the pixels of histograms set by hand, and where a page shows them."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.histograms import BINS, Histogram
from reportgen.page.charts import (
    DOWN,
    HEIGHT,
    MOST_SHARP,
    NEW,
    OLD,
    SHARP,
    WIDTH,
    DistributionCharts,
    distribution_charts,
    extent,
)
from reportgen.page.diff import render_diff
from reportgen.page.environment import asset_of, environment_with
from reportgen.page.read import read
from reportgen.page.render import render, render_folder
from reportgen.report import present

from .gold import CAT, report_file


def histogram(counts: list[int], low: float = 0.0, high: float = float(BINS), zeros: int = 0) -> Histogram:
    """A histogram of these bins, the rest empty."""
    filled = (*counts, *[0] * (BINS - len(counts)))
    return Histogram(low=low, high=high, counts=filled, zeros=zeros, below=0, above=0, not_finite=0)


def part(made: DistributionCharts, place: int) -> np.ndarray:
    """The pixels of one chart, (h, w, 4)."""
    box = made.boxes[place]
    assert box is not None
    left, top, width, height = box
    return np.asarray(Image.open(io.BytesIO(made.png)).convert("RGBA"))[top : top + height, left : left + width]


def is_colour(pixels: np.ndarray, colour: str) -> np.ndarray:
    rgb = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    near: np.ndarray = (np.abs(pixels[..., :3].astype(int) - rgb).max(axis=-1) <= 8) & (pixels[..., 3] > 200)
    return near


def test_each_bin_is_as_high_as_its_share_of_the_highest() -> None:
    filled = is_colour(part(distribution_charts([(None, histogram([4, 2, 1, 0, 4]))]), 0), NEW)
    heights = filled.sum(axis=0)
    bin_width = WIDTH * SHARP // BINS
    middles = [bin_width // 2 + place * bin_width for place in range(6)]
    full = heights[middles[0]]
    assert full >= 0.9 * HEIGHT * SHARP
    assert heights[middles].tolist() == pytest.approx([full, full / 2, full / 4, 0, full, 0], abs=1.5)
    assert not filled[:, 5 * bin_width + 1 :].any()


def test_old_and_new_stand_on_one_axis_and_one_scale() -> None:
    # old: all in 0 to 1 of 0 to 32; new: all in 32 to 33 of 32 to 64
    made = distribution_charts([(histogram([8]), histogram([8], low=32.0, high=64.0))])
    pixels = part(made, 0)
    filled, line = is_colour(pixels, NEW), is_colour(pixels, OLD)
    middle = WIDTH * SHARP // 2
    assert extent((histogram([8]), histogram([8], low=32.0, high=64.0))) == (0.0, 64.0)
    assert filled[:, middle : middle + 5].any()
    assert not filled[:, : middle - 1].any()
    assert line[: HEIGHT * SHARP // 2, :8].any()
    assert not line[: HEIGHT * SHARP // 2, 12:].any()


def test_equal_values_are_a_spike_in_the_middle() -> None:
    filled = is_colour(part(distribution_charts([(None, histogram([7], low=1.0, high=1.0))]), 0), NEW)
    columns = np.flatnonzero(filled.any(axis=0))
    assert len(columns)
    assert abs(columns.mean() - WIDTH * SHARP / 2) < 2
    assert filled[:, columns[len(columns) // 2]].sum() > 0.9 * HEIGHT * SHARP


def test_zero_is_marked_where_it_lies_inside() -> None:
    inside = part(distribution_charts([(None, histogram([1], low=-16.0, high=16.0))]), 0)
    assert inside[:HEIGHT, WIDTH * SHARP // 2 - 2 : WIDTH * SHARP // 2 + 2, 3].any()
    outside = part(distribution_charts([(None, histogram([1], low=16.0, high=32.0))]), 0)
    assert not outside[:HEIGHT, 3 * SHARP * WIDTH // BINS :, 3].any()


def test_nothing_to_draw_has_no_chart() -> None:
    made = distribution_charts([(None, None), (None, histogram([], zeros=5)), (histogram([1]), None)])
    assert [box is not None for box in made.boxes] == [False, False, True]


def test_many_charts_stand_in_columns_and_do_not_touch() -> None:
    many = [(None, histogram([place % 7 + 1])) for place in range(MOST_SHARP + 1)]
    made = distribution_charts(many)
    assert made.width == 4 * (WIDTH + 2)
    assert made.height == DOWN * (HEIGHT + 2)
    assert part(made, MOST_SHARP).tolist() == part(made, 0).tolist()
    boxes = {box for box in made.boxes if box}
    assert len(boxes) == len(many)


def test_the_largest_floats_can_be_drawn() -> None:
    made = distribution_charts([(None, histogram([1] * BINS, low=-3.4e38, high=3.4e38))])
    assert is_colour(part(made, 0), NEW).any()


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [NEW, OLD])
def test_the_colours_stand_out_from_light_and_dark_pages(colour: str) -> None:
    style = asset_of(environment_with(None), "page.css")
    grounds = re.findall(r"--(?:ground|panel): (#[0-9a-f]{6}|#[0-9a-f]{3})\b", style)
    assert len(grounds) >= 4
    for ground in grounds:
        whole = ground if len(ground) == 7 else "#" + "".join(2 * each for each in ground[1:])
        lighter, darker = sorted((luminance(colour), luminance(whole)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, ground  # WCAG 2.2, 1.4.11: graphical objects


@pytest.fixture(scope="module")
def report() -> reportgen.Report:
    return reportgen.generate("minivgg", CAT, only="weights,feature_maps", maps=1)


def test_a_page_shows_how_each_tensor_and_the_maps_of_each_layer_are_spread(report: reportgen.Report) -> None:
    weights, maps = present(report.weights), present(report.feature_maps)
    assert weights is not None
    assert maps is not None
    page = render(report)
    assert page.count('<td class="distribution"><svg') == len(weights.rows) + len(maps.rows)
    assert 'aria-label="Distribution of block1_conv1 kernel"' in page
    row = maps.rows[0]
    assert row.histogram is not None
    assert row.histogram.total == np.prod(row.shape)
    assert "Distribution of the maps of block1_conv1, without the" in page
    assert read(page) == report


def test_the_histograms_are_those_of_the_model_and_the_image(report: reportgen.Report) -> None:
    weights = present(report.weights)
    assert weights is not None
    network = reportgen.load("minivgg")
    for row in weights.rows:
        values = network.weights(row.index)[row.weight].reshape(-1)
        assert row.histogram is not None
        assert row.histogram.total == values.size
        inside = (values >= np.float32(row.histogram.low)) & (values <= np.float32(row.histogram.high))
        assert sum(row.histogram.counts) == np.count_nonzero(inside & (values != 0))


def test_a_folder_keeps_its_charts_in_files(report: reportgen.Report) -> None:
    files = render_folder(report)
    page = files["index.html"].decode()
    charts = re.findall(r'<image id="distribution-[0-9a-f]+" data-chart href="(pictures/[0-9a-f]+\.png)"', page)
    assert len(charts) == 2
    assert all(name in files for name in charts)


def test_a_diff_draws_the_old_over_the_new_and_none_of_a_report_that_has_none(report: reportgen.Report) -> None:
    weights = present(report.weights)
    assert weights is not None
    without = replace(report, weights=replace(weights, rows=tuple(replace(row, histogram=None) for row in weights.rows)))
    both, one, neither = (reportgen.diff(*pair) for pair in ((report, report), (without, report), (without, without)))
    pages = [render_diff(each) for each in (both, one, neither)]
    assert pages[0].count('<td class="distribution"><svg') > len(weights.rows)
    assert pages[1].count('<td class="distribution"><svg') == pages[0].count('<td class="distribution"><svg')
    assert "of block1_conv1 kernel: new filled" not in pages[2]


def test_a_report_of_an_older_format_has_no_charts_and_reads_on() -> None:
    page = render(read(report_file(1)))
    assert '<td class="distribution"' not in page
    assert "Distribution" not in page
