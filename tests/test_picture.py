"""Pixels and the values they stand for: scaled, tiled, laid over one another, to PNG and back without loss."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest

from reportgen.picture import (
    RGB,
    Grid,
    Picture,
    difference_picture,
    finite_range,
    quantize,
    reduced,
    scaled_picture,
    to_png,
    values_from_png,
)

from .pixels import random_values

LARGEST = float(np.finfo(np.float32).max)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


# Values to steps


@pytest.mark.parametrize(
    ("values", "low", "high", "expected"),
    [
        (floats(0, 1), 0, 1, [0, 255]),
        (floats(-2, 0, 2), -2, 2, [0, 128, 255]),  # 127.5 goes to the even 128
        (floats(0, 0.3, 255), 0, 255, [0, 0, 255]),
        (floats(10, 10.5, 12), 10, 12, [0, 64, 255]),  # a quarter of 255 is 63.75
        (floats(-5, 0.5, 5), 0, 1, [0, 128, 255]),  # what lies outside goes to the ends
        (floats(7, 7, 7), 7, 7, [0, 0, 0]),
        (floats(1, 2), 2, 1, [0, 0]),
        (floats(np.nan, 0, 1), 0, 1, [0, 0, 255]),
        (floats(np.inf, -np.inf, 0.2), 0, 1, [255, 0, 51]),
        (floats(np.nan, np.nan), 0, 0, [0, 0]),
        # high - low would overflow: the middle is still the middle
        (floats(-LARGEST, 0, LARGEST), -LARGEST, LARGEST, [0, 128, 255]),
        (np.array([-1e308, 0, 1e308]), -1e308, 1e308, [0, 128, 255]),
        (np.array([1, 2, 3]), 1, 3, [0, 128, 255]),  # whole numbers
        (np.array([0, 1], np.float16), 0, 1, [0, 255]),
    ],
)
def test_quantize(values: np.ndarray, low: float, high: float, expected: list[int]) -> None:
    before = values.copy()
    steps = quantize(values, low, high)
    assert steps.tolist() == expected
    assert steps.dtype == np.uint8
    assert np.array_equal(values, before, equal_nan=True)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.5, 1000), (-1e-6, 1e-6), (1e20, 3e20), (-LARGEST, LARGEST)])
def test_quantize_is_off_by_half_a_step_at_most(low: float, high: float) -> None:
    values = np.linspace(low, high, 5001)
    step = high / 255 - low / 255
    meant = low + quantize(values, low, high) * step
    assert np.abs(meant / step - values / step).max() <= 0.5 + 1e-6


def test_quantize_keeps_the_order() -> None:
    values = np.sort(np.random.default_rng(0).normal(size=10_000).astype(np.float32))
    steps = quantize(values, *finite_range(values)).astype(int)
    assert (np.diff(steps) >= 0).all()
    assert (steps[0], steps[-1]) == (0, 255)


def test_the_steps_themselves_come_back() -> None:
    steps = np.arange(256, dtype=np.uint8)
    assert np.array_equal(quantize(-3 + steps * np.float32(7 / 255), -3, 4), steps)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (floats(3, -1, 2), (-1, 3)),
        (floats(5), (5, 5)),
        (floats(np.nan, 2, 1), (1, 2)),
        (floats(np.inf, -np.inf, 1, 2), (1, 2)),
        (floats(np.nan, np.inf), (0, 0)),
        (floats(), (0, 0)),
        (floats(-LARGEST, LARGEST), (-LARGEST, LARGEST)),
    ],
)
def test_finite_range(values: np.ndarray, expected: tuple[float, float]) -> None:
    assert finite_range(values) == expected


def test_a_scaled_picture_tells_its_own_range() -> None:
    picture = scaled_picture(np.array([[0.5, 1.5], [np.nan, 2.5]], np.float32), "viridis")
    # of the range 2: half of it is 127.5, to the even 128; nan lies lowest
    assert picture == Picture(np.array([[0, 128], [0, 255]], np.uint8), 0.5, 2.5, "viridis")


# Reduced


def test_reduced_to_means_over_squares() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    # the first square holds 0, 1, 4, 5, whose mean is 2.5; the next lies 2 to the right, the one below 8 further
    assert reduced(values, 2)[..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_at_odd_edges_the_means_are_over_what_is_there() -> None:
    values = np.array([[0, 2, 10], [4, 6, 20], [1, 3, 7]], np.float32)[..., None]
    # the means of 0, 2, 4, 6; of 10, 20; of 1, 3; and of 7 alone
    assert reduced(values, 2)[..., 0].tolist() == [[3, 15], [2, 7]]


@pytest.mark.parametrize(
    ("shape", "factor", "expected"),
    [
        ((5, 7, 3), 2, (3, 4, 3)),
        ((1, 1, 2), 4, (1, 1, 2)),
        ((8, 2, 1), 8, (1, 1, 1)),
        ((4, 4, 2), 1, (4, 4, 2)),
        ((4, 5, 2), 10**30, (1, 1, 2)),
    ],
)
def test_reduced_keeps_channels_apart_and_the_type(shape: tuple[int, ...], factor: int, expected: tuple[int, ...]) -> None:
    values = np.full(shape, np.arange(shape[2]), np.float32)
    small = reduced(values, factor)
    assert small.shape == expected
    assert small.dtype == np.float32
    assert (small == np.arange(shape[2])).all()


# Numbers


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 255.0, [0, 51, 255]),
        (-1.0, 4.0, [-1, 0, 4]),
        (2.0, 2.0, [2, 2, 2]),
        (5.0, 0.0, [5, 4, 0]),
        (math.nan, 1.0, [math.nan] * 3),
        (0.0, math.inf, [math.nan, math.inf, math.inf]),
    ],
)
def test_the_numbers_of_a_picture(low: float, high: float, expected: list[float]) -> None:
    numbers = Picture(np.array([0, 51, 255], np.uint8), low, high, "gray").numbers()
    assert numbers.dtype == np.float64
    np.testing.assert_allclose(numbers, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 9), (3, 4, 3)])
@pytest.mark.parametrize(("mean", "spread"), [(0, 1), (100, 0.01), (0, 1e30), (-1e-9, 1e-12)])
def test_the_numbers_are_right_to_half_a_step(shape: tuple[int, ...], mean: float, spread: float) -> None:
    values = np.random.default_rng(0).normal(mean, spread, shape).astype(np.float32)
    picture = scaled_picture(values, RGB if len(shape) == 3 else "viridis")
    step = (picture.high - picture.low) / 255
    assert np.abs(picture.numbers() - values).max() <= step * 0.51
    assert picture.numbers().shape == shape


def test_the_numbers_survive_the_file() -> None:
    picture = scaled_picture(np.random.default_rng(0).normal(size=(5, 6)), "viridis")
    back = Picture(values_from_png(to_png(picture), rgb=False), picture.low, picture.high, picture.colormap)
    assert np.array_equal(back.numbers(), picture.numbers())


def test_a_difference_is_grey_where_nothing_changed() -> None:
    old = np.array([[1.0, 2.0, 3.0, 4.0]])
    picture = difference_picture(old, old + np.array([[0, -2, 1, 2]]))
    # from -2 to 2: 0 is 127.5, to the even 128; 1 is 191.25
    assert picture.values.tolist() == [[128, 0, 191, 255]]
    assert (picture.low, picture.high, picture.colormap) == (-2.0, 2.0, "RdBu_r")
    same = difference_picture(old, old)
    assert (same.low, same.high) == (0.0, 0.0)
    assert len(np.unique(same.values)) == 1


def test_a_difference_of_maps_and_of_colours() -> None:
    old = np.zeros((2, 1, 2))
    maps = difference_picture(old, old + 1, draw=lambda tiles: Grid.of(tiles).pixels(background=9))
    assert maps.values.tolist() == [[255, 255, 9, 255, 255]]
    old = np.zeros((1, 1, 1, 3))
    colours = difference_picture(old, old + np.array([1, 0, -1]), draw=lambda tiles: Grid.of(tiles).pixels())
    assert colours.values.tolist() == [[[255, 128, 0]]]
    assert colours.colormap == RGB


def test_a_difference_of_broken_numbers_is_scaled_by_the_others() -> None:
    picture = difference_picture(np.array([[0.0, math.nan, math.inf, 1.0]]), np.array([[3.0, 1.0, math.inf, math.inf]]))
    assert (picture.low, picture.high) == (-3.0, 3.0)
    assert picture.values[0, 0] == 255


def test_how_much_of_a_page_a_picture_takes() -> None:
    picture = Picture(random_values(30, 40), 0.0, 1.0, "viridis")
    assert picture.size_in_page() == len(base64.b64encode(to_png(picture)))
