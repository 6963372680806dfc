"""Heatmaps laid over an image, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reportgen.overlay import overlay
from reportgen.picture import (
    DIVERGING,
    RGB,
    Picture,
    striped,
)

from .pixels import random_values

# Overlays


@pytest.fixture
def heatmap() -> Picture:
    return Picture(np.array([[0, 255], [128, 64]], np.uint8), 0.0, 1.0, "viridis")


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 2, 3), (30, 50, 3), (224, 3, 3)])
def test_an_overlay_is_as_large_as_the_picture(heatmap: Picture, shape: tuple[int, ...]) -> None:
    laid = overlay(random_values(*shape), heatmap)
    assert laid.values.shape == shape
    assert laid.values.dtype == np.uint8
    assert (laid.low, laid.high, laid.colormap) == (0.0, 255.0, RGB)


def test_an_overlay_is_the_same_every_time(heatmap: Picture) -> None:
    pixels = random_values(30, 50, 3)
    before = pixels.copy()
    assert overlay(pixels, heatmap) == overlay(pixels, heatmap)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    ("heat", "pixel", "expected"),
    [
        # a place at 0 keeps its own colours
        (0, (255, 0, 0), [255, 0, 0]),
        # viridis ends with (253, 231, 36): 0.25 of white is 63.75, and 0.75 of the colour 189.75, 173.25, 27
        (255, (255, 255, 255), [254, 237, 91]),
        # at 51 of 255 it is (65, 68, 135): a share of 0.75 * 0.2 = 0.15, and 0.85 of the pixel
        (51, (200, 100, 0), [180, 95, 20]),
    ],
)
def test_an_overlay_worked_out(heat: int, pixel: tuple[int, ...], expected: list[int]) -> None:
    laid = overlay(np.array([[pixel]], np.uint8), Picture(np.array([[heat]], np.uint8), 0.0, 1.0, "viridis"))
    np.testing.assert_allclose(laid.values[0, 0], expected, atol=1)  # the share has 8 bits
    assert heat or laid.values[0, 0].tolist() == expected


def test_an_overlay_of_either_sign_keeps_the_colours_at_zero() -> None:
    pixels = np.full((1, 3, 3), 100, np.uint8)
    laid = overlay(pixels, Picture(np.array([[0, 128, 255]], np.uint8), -2.0, 2.0, DIVERGING)).values[0]
    # the colormap ends in (5, 48, 97) and (103, 0, 31): 0.75 of them and 0.25 of 100
    np.testing.assert_allclose(laid, [[29, 61, 98], [100, 100, 100], [102, 25, 48]], atol=1)


def test_heat_shows_where_it_is() -> None:
    # the right half is hot: viridis' hot end is bright, its cold end dark
    heat: Any = np.repeat(np.array([[0, 0, 255, 255]], np.uint8), 4, axis=0)
    laid = overlay(np.full((40, 40, 3), 100, np.uint8), Picture(heat, 0.0, 1.0, "viridis")).values.astype(int)
    assert (laid[:, 30:, :2] > laid[:, :10, :2].max()).all()


def test_stripes_where_there_is_no_number() -> None:
    values = np.zeros((1, 4, 8), np.float32)
    values[0, :, 4:] = [np.nan, np.inf, -np.inf, np.nan]
    striped_ = striped(np.full((1, 4, 8), 7, np.uint8), values)
    assert (striped_[0, :, :4] == 7).all()
    # two pixels of each diagonal black, two white: 255 where the row and column, counted from 0, add up to 2 or 3 of every 4
    assert striped_[0, :, 4:].tolist() == [[0, 0, 255, 255], [0, 255, 255, 0], [255, 255, 0, 0], [255, 0, 0, 255]]
    whole = np.full((2, 3, 3, 3), 7, np.uint8)
    assert striped(whole, np.zeros(whole.shape)) is whole
