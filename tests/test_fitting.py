"""A page kept within a size: what shrinks, by how much, and where that is not enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.errors import OptionError
from reportgen.options import Options
from reportgen.page.environment import our_templates
from reportgen.page.fitting import fitted
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.report import Report, find_sections
from reportgen.sections.feature_maps.find import find_feature_maps, with_smaller_maps

from .fake_probe import FakeProbe, f32, maps_of
from .test_codec import small_report


def report_of(probe: FakeProbe, **options: Any) -> Report:
    """A small report with the feature maps of `probe`."""
    asked = Options(**options)
    report = small_report(options=options)
    return replace(report, feature_maps=find_sections(probe, asked, {})["feature_maps"])


@pytest.fixture(scope="module")
def probe() -> FakeProbe:
    """Six maps of 128, of 48 and of 32 pixels a side, of noise, which no packing makes smaller."""
    noise = np.random.default_rng(1)
    maps = [maps_of(row, f"conv{row}", f32(noise.random((side, side, 6)))) for row, side in ((1, 128), (2, 48), (3, 32))]
    return FakeProbe(maps=tuple(maps))


@pytest.fixture(scope="module")
def report(probe: FakeProbe) -> Report:
    return report_of(probe, layers="all")


def size_of(report: Report, templates: Path | None = None) -> int:
    return len(render(report, templates).encode())


def reductions(report: Report) -> list[int]:
    maps: Any = report.feature_maps
    return [row.reduction for row in maps.rows]


def test_a_page_that_fits_is_left_as_it_is(report: Report, probe: FakeProbe) -> None:
    assert fitted(report, probe, size_of(report)) == report


def test_the_largest_maps_shrink_first_and_no_further_than_they_must(report: Report, probe: FakeProbe) -> None:
    # as base64 the pictures take 131, 18 and 8 kB; at half the resolution the first takes 33 kB, then 8 kB, the second 5 kB
    for less, expected in ((1, [2, 1, 1]), (90_000, [2, 1, 1]), (110_000, [4, 1, 1]), (130_000, [4, 2, 1])):
        most = size_of(report) - less
        smaller = fitted(report, probe, most)
        assert reductions(smaller) == expected
        assert size_of(smaller) <= most
        assert fitted(report, probe, most) == smaller


def test_every_limit_is_kept_by_the_fewest_steps(report: Report, probe: FakeProbe) -> None:
    """A limit that a page just meets is met with this page; a byte less takes one step more, until there is none."""
    page, steps = report, 0
    while True:
        assert fitted(report, probe, size_of(page)) == page
        try:
            page = fitted(report, probe, size_of(page) - 1)
        except OptionError:
            break
        steps += 1
    # down to maps of 8: 128 in four steps, 48 (to 12) and 32 in two each
    assert reductions(page) == [16, 4, 4]
    assert steps == 8


def test_a_template_that_says_much_of_what_is_shown_smaller(report: Report, probe: FakeProbe, tmp_path: Path) -> None:
    """How much the page takes is asked again, since what is shown smaller may be told at any length."""
    captions = (our_templates() / "captions.html.j2").read_text("utf-8")
    (tmp_path / "captions.html.j2").write_text(
        captions.replace("Shown smaller:", "Shown smaller:" + " and smaller" * 1000), "utf-8"
    )
    most = size_of(report, tmp_path) - 90_000
    smaller = fitted(report, probe, most, tmp_path)
    assert size_of(smaller, tmp_path) <= most
    assert reductions(smaller) == [4, 1, 1]  # [2, 1, 1] with our own captions


def test_the_page_says_so_and_is_still_the_store(report: Report, probe: FakeProbe) -> None:
    assert "at a lower resolution" not in render(report)
    smaller = fitted(report, probe, size_of(report) - 130_000)
    html = render(smaller)
    assert "the maps of conv1 and 1 more are shown at a lower resolution" in html
    assert "each point is the mean of 2\xa0×\xa02 values" in html
    assert read(html) == smaller


def test_where_it_cannot_fit_it_says_what_it_takes(report: Report, probe: FakeProbe) -> None:
    with pytest.raises(OptionError, match=r"--max-size 2 kB: the page takes [\d.]+ kB even with its smallest maps"):
        fitted(report, probe, 2000)
    with pytest.raises(OptionError, match="even with its smallest maps"):
        fitted(report_of(FakeProbe()), FakeProbe(), 2000)


@pytest.mark.parametrize("scale", ["layer", "map"])
@pytest.mark.parametrize("sort", ["index", "activity"])
def test_a_point_is_the_mean_over_four_values_and_every_tile_stays_in_its_place(scale: str, sort: str) -> None:
    # maps of 17 x 21, so that an edge is half a square
    values = (np.arange(17 * 21 * 3, dtype=np.float32).reshape(17, 21, 3) * 7919 % 1009) * f32([1, 2, 3]) - 500
    probe = FakeProbe(maps=(maps_of(1, "conv", values),))
    asked = Options(scale=scale, sort=sort)  # type: ignore[arg-type]
    table, saved = with_smaller_maps(find_feature_maps(probe, asked), probe, asked, excess=1)
    (row,) = table.rows
    assert (row.reduction, row.shape, row.columns, row.lowered) == (2, (17, 21, 3), 3, True)
    assert saved > 0
    assert row.picture is not None
    assert row.picture.values.shape == (9, 3 * 11 + 2)
    for place, channel in enumerate(row.channels):
        whole = values if scale == "layer" else values[:, :, channel.channel]
        tile = row.picture.values[:, 12 * place : 12 * place + 11]
        for top, left in ((0, 0), (3, 10), (8, 0), (8, 10), (5, 4)):
            mean = values[2 * top : 2 * top + 2, 2 * left : 2 * left + 2, channel.channel].mean(dtype=np.float64)
            # drawn from the values themselves: rounded once; of either sign, with 0 in the middle
            most = max(whole.max(), -whole.min())
            assert abs(tile[top, left] - 255 * (mean + most) / (2 * most)) <= 0.501
    assert not row.picture.values[:, [11, 23]].any()
    assert row.channels == find_feature_maps(probe, asked).rows[0].channels  # the figures are those of the whole maps
