"""Figures of feature maps by channel, against NumPy over all values at once in double precision, and plain loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reportgen.histograms import histogram_of
from reportgen.picture import as_bytes, reduced
from reportgen.probe import FeatureMaps
from reportgen.sections.feature_maps.find import _channels
from reportgen.tensors import CACHED, MOST_ROWS, ROW, channel_figures, statistics_of

RANDOM = np.random.default_rng(3)
# one position; one channel; fewer values than a row; rows that do not come out even; more rows than a byte counts; wide rows
SHAPES = [(1, 1, 1), (1, 1, 5), (7, 5, 1), (300, 301, 1), (13, 17, 3), (97, 89, 64), (9, 11, ROW + 1)]
WIDEST = (2, 3, CACHED + 1)
KINDS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "normal": lambda shape: RANDOM.normal(0.1, 1, shape),
    "after a ReLU": lambda shape: np.maximum(RANDOM.normal(0, 1, shape), 0),
    "far from 0": lambda shape: RANDOM.normal(1e4, 1e-2, shape),
    "constant": lambda shape: np.full(shape, 0.3),
    "always above 0": lambda shape: RANDOM.uniform(1, 2, shape),
    "never above 0": lambda shape: -RANDOM.uniform(0, 1, shape),
}


@pytest.mark.parametrize(
    ("shape", "kind"),
    [*((shape, kind) for shape in SHAPES for kind in KINDS), (WIDEST, "after a ReLU"), (WIDEST, "far from 0")],
)
def test_the_figures_are_those_of_all_values_at_once(shape: tuple[int, int, int], kind: str) -> None:
    values = KINDS[kind](shape).astype(np.float32)
    found, exact = channel_figures(values), values.astype(np.float64).reshape(-1, shape[2])
    assert found.low.tolist() == exact.min(axis=0).tolist()
    assert found.high.tolist() == exact.max(axis=0).tolist()
    assert found.mean == pytest.approx(exact.mean(axis=0), rel=1e-7, abs=1e-9)
    assert found.active.tolist() == (exact > 0).mean(axis=0).astype(np.float32).tolist()
    whole = statistics_of(values)
    other = histogram_of(values, whole.mean, whole.std, whole.min, whole.max)
    assert found.histogram.total == values.size
    assert found.histogram.zeros == np.count_nonzero(exact == 0)
    assert (found.histogram.low, found.histogram.high) == pytest.approx((other.low, other.high), rel=1e-6, abs=1e-7)
    low, high = np.float32(found.histogram.low), np.float32(found.histogram.high)
    inside = (values >= low) & (values <= high) & (values != 0)
    assert sum(found.histogram.counts) == np.count_nonzero(inside)


def test_more_rows_than_a_byte_counts() -> None:
    values = np.ones((MOST_ROWS + 2, ROW, 1), np.float32)
    assert channel_figures(values).active.tolist() == [1.0]


def test_what_is_not_finite_stays_in_its_channel() -> None:
    values = RANDOM.uniform(1, 2, (50, 40, 4)).astype(np.float32)
    values[3, 7, 1], values[49, 39, 2], values[20, 1, 2] = np.nan, np.inf, -1
    found = channel_figures(values)
    assert np.isnan([found.low[1], found.high[1], found.mean[1]]).all()
    assert (found.low[2], found.high[2], found.mean[2]) == (-1, np.inf, np.inf)
    assert np.isfinite([found.low[[0, 3]], found.high[[0, 3]], found.mean[[0, 3]]]).all()
    assert found.active.tolist() == pytest.approx([1, 1 - 1 / 2000, 1 - 1 / 2000, 1])
    assert found.histogram.not_finite == 2
    assert found.histogram.total == values.size


def maps_of(values: np.ndarray) -> FeatureMaps:
    found = channel_figures(values)
    facts: dict[str, Any] = {name: getattr(found, name) for name in ("low", "high", "mean", "active", "histogram")}
    return FeatureMaps(index=1, path="conv", shape=values.shape, after=(), values=values, **facts)


def first_max(map_: np.ndarray) -> tuple[int, int] | None:
    """The first place of the max finite value, row by row; None if the map is constant or has none."""
    places = [place for place in np.ndindex(map_.shape) if np.isfinite(map_[place])]
    if not places or len({float(map_[place]) for place in np.ndindex(map_.shape)}) == 1:
        return None
    return max(places, key=lambda place: (map_[place], [-each for each in place]))


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [4, 1], [2]])
def test_the_peak_is_the_first_place_of_the_max(levels: int, order: list[int]) -> None:
    """Few levels give many places with the max."""
    values = RANDOM.integers(0, levels, (6, 7, 6)).astype(np.float32)
    values[..., 5] = 0
    values[2, 3, 4], values[0, 0, 1] = np.nan, np.inf
    values[..., 3] = np.nan
    rows = list(_channels(maps_of(values), np.array(order)))
    assert [row.channel for row in rows] == order
    assert [row.peak for row in rows] == [first_max(values[..., channel]) for channel in order]


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 9, 100])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
def test_maps_are_reduced_to_the_mean_of_each_square(factor: int, kind: Any) -> None:
    values = RANDOM.integers(0, 256, (9, 7, 2)).astype(kind)
    small = reduced(values, factor)
    for row, column, channel in np.ndindex(small.shape):
        square = values[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor, channel]
        assert small[row, column, channel] == pytest.approx(square.astype(np.float64).mean(), rel=1e-6)


def test_floats_become_the_nearest_byte() -> None:
    given = np.array([-np.inf, -3, -0.4, 0.5, 1.5, 2.49, 254.6, 255.4, 1e30, np.inf, np.nan], np.float32)
    assert as_bytes(given).tolist() == [0, 0, 0, 0, 2, 2, 255, 255, 255, 255, 0]
    assert as_bytes(np.zeros((0, 3))).shape == (0, 3)
