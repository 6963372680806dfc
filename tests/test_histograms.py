"""Histograms against NumPy's own, and on values that break naive formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reportgen.histograms import BINS, CHUNK, Histogram, histogram_of
from reportgen.tensors import statistics_of


def histogram(values: np.ndarray) -> Histogram:
    found = statistics_of(values)
    return histogram_of(values, found.mean, found.std, found.min, found.max)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize(
    "values",
    [
        rng().normal(size=(3, 3, 64, 128)),
        rng().normal(100, 0.01, 50_000),  # a large mean with a small spread
        rng().standard_cauchy(20_000),  # far values
        np.maximum(rng().normal(size=CHUNK + 17), 0),
        -np.maximum(rng().normal(size=5_000), 0),
        rng().integers(-128, 128, 5_000).astype(np.int8),
        rng().normal(size=4_000).astype(np.float16),
        np.array([3e38, -3e38, 0.0, 1.0]),
        rng().normal(size=2_000) * 1e-40,  # denormal numbers
        np.array([-2.0, -1.0, 0.0]),
    ],
)
def test_the_counts_are_those_that_numpy_finds(values: np.ndarray) -> None:
    found = histogram(values)
    exact = values.astype(np.float32).astype(np.float64).reshape(-1)
    rest = exact[exact != 0]
    edges = np.linspace(float(np.float32(found.low)), float(np.float32(found.high)), BINS + 1)
    inside = rest[(rest >= np.float32(found.low)) & (rest <= np.float32(found.high))]
    counts, _ = np.histogram(inside.clip(edges[0], edges[-1]), edges)
    # a value within rounding of an edge may fall to either side, and so may all that are equal to it
    assert np.abs(np.cumsum(counts) - np.cumsum(found.counts)).max() <= max(2, len(rest) // 1_000)
    assert sum(found.counts) == len(inside)
    assert found.zeros == np.count_nonzero(exact == 0)
    assert found.below == np.count_nonzero(rest < np.float32(found.low))
    assert found.above == np.count_nonzero(rest > np.float32(found.high))
    assert found.total == values.size


def test_bins_worked_out_by_hand() -> None:
    # 0 to 32 in 32 bins; each value but the last opens its own bin, the last closes the last bin; 0 is counted by itself
    found = histogram(np.arange(33.0))
    assert (found.low, found.high) == (0.0, 32.0)
    assert found.counts == (0, *[1] * 30, 2)
    assert (found.zeros, found.below, found.above) == (1, 0, 0)


def test_one_far_value_does_not_flatten_the_others() -> None:
    values = np.append(rng().normal(size=100_000), 1e6)
    found = histogram(values)
    # std is about 3162, so that four of it reach to 12650: the rest is one spike, but the far value is not among it
    assert found.above == 1
    assert found.high == pytest.approx(10 + 4 * np.std(values), rel=1e-3)


def test_values_that_are_all_equal() -> None:
    assert histogram(np.full(7, 3.5)).counts == (7, *[0] * (BINS - 1))
    assert histogram(np.full(7, -3.5)).counts == (7, *[0] * (BINS - 1))
    zero = histogram(np.zeros(7))
    assert zero.zeros == zero.total == 7
    assert sum(zero.counts) == 0
    assert zero.share_of_zeros == 1


def test_values_that_are_not_finite_are_counted_apart() -> None:
    values = np.array([1.0, 2.0, math.nan, math.inf, -math.inf, 0.0])
    found = histogram(values)
    assert (found.not_finite, found.zeros, found.total) == (3, 1, 6)
    assert (found.low, found.high) == (0.0, 2.0)
    nothing = histogram(np.full(3, math.nan))
    assert (nothing.not_finite, sum(nothing.counts), nothing.total) == (3, 0, 3)


def test_no_values_at_all() -> None:
    found = histogram(np.zeros((0, 3)))
    assert found.total == 0
    assert found.share_of_zeros == 0


def test_the_density_adds_up_to_what_the_bins_hold() -> None:
    found = histogram(np.append(rng().normal(size=999), 0.0))
    held = sum((right - left) * density for left, right, density in found.density())
    assert held == pytest.approx(sum(found.counts) / 1000)
