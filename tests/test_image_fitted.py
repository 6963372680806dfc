"""Arrays as images, and pixels fitted to a model's input and its channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reportgen.errors import ImageError
from reportgen.image import fit, image_from_array, with_channels
from reportgen.options import Fit

from .image_files import BLUE, GREEN, QUARTERS, RED, WHITE_NOTE

# Arrays


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([[5, 9]], [[[5, 5, 5], [9, 9, 9]]]),
        ([[[5], [9]]], [[[5, 5, 5], [9, 9, 9]]]),
        ([[[1, 2, 3]]], [[[1, 2, 3]]]),
        ([[[1, 2, 3, 255]]], [[[1, 2, 3]]]),
        ([[[0, 0, 255, 51]]], [[[204, 204, 255]]]),  # a fifth of blue on white
    ],
)
def test_an_array_as_an_image(pixels: Any, expected: Any) -> None:
    array = np.array(pixels, np.uint8)
    before = array.copy()
    photograph = image_from_array(array)
    assert photograph.pixels.tolist() == expected
    assert photograph.notes_for(3) == ((WHITE_NOTE,) if expected == [[[204, 204, 255]]] else ())
    assert (photograph.facts.name, photograph.facts.height, photograph.facts.width) == ("array", *array.shape[:2])
    photograph.pixels[:] = 99
    assert np.array_equal(array, before)


def test_an_array_need_not_lie_in_one_piece() -> None:
    assert np.array_equal(image_from_array(QUARTERS[::-2, ::3]).pixels, QUARTERS[::-2, ::3])


def test_the_digest_of_an_array_tells_its_shape_too() -> None:
    flat, high = np.zeros((1, 6, 3), np.uint8), np.zeros((6, 1, 3), np.uint8)
    assert image_from_array(flat).facts.digest != image_from_array(high).facts.digest
    assert image_from_array(flat).facts.digest == image_from_array(flat.copy()).facts.digest


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 3), np.float32),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros((2,), np.uint8),
        np.zeros((1, 2, 2, 3), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((2, 0), np.uint8),
    ],
)
def test_an_array_that_is_no_image(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 \(h, w, channels\), 1, 3 or 4 channels\."):
        image_from_array(array)


# Fitting

# a row of three squares of 4 x 4: red, green, blue
THREE = np.repeat(np.repeat(np.array([[RED, GREEN, BLUE]], np.uint8), 4, axis=0), 4, axis=1)


def test_stretch_takes_the_whole() -> None:
    # (4, 12) as (2, 3): each square becomes a column, and all is red, green, blue as before in the middle of each
    fitted = fit(THREE, 2, 3, "stretch")
    assert fitted.shape == (2, 3, 3)
    assert fitted.argmax(axis=2).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_crop_takes_the_middle() -> None:
    # of (4, 12) the middle 4 x 4 is the green square, as it is
    assert np.array_equal(fit(THREE, 4, 4, "crop"), THREE[:, 4:8])
    # twice as wide as high: 4 x 8 from column 2 on
    assert np.array_equal(fit(THREE, 4, 8, "crop"), THREE[:, 2:10])


def test_pad_leaves_the_rest_black() -> None:
    # (4, 12) into (12, 12) as it is, with (12 - 4) / 2 = 4 black rows above and below
    fitted = fit(THREE, 12, 12, "pad")
    assert np.array_equal(fitted[4:8], THREE)
    assert not fitted[:4].any()
    assert not fitted[8:].any()
    # (12, 4) into (12, 7): 3 columns over, one on the left and two on the right
    fitted = fit(np.ascontiguousarray(THREE.swapaxes(0, 1)), 12, 7, "pad")
    assert np.array_equal(fitted[:, 1:5], THREE.swapaxes(0, 1))
    assert not fitted[:, 0].any()
    assert not fitted[:, 5:].any()


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (10, 20_000), (20_000, 10), (5, 7)])
@pytest.mark.parametrize("target", [(64, 64), (1, 1), (32, 224), (3, 2)])
def test_any_size_comes_to_any_other(how: Fit, size: tuple[int, int], target: tuple[int, int]) -> None:
    # one colour all over stays that colour, whatever is averaged
    pixels = np.full((*size, 3), (10, 100, 200), np.uint8)
    fitted = fit(pixels, *target, how)
    assert fitted.shape == (*target, 3)
    assert fitted.dtype == np.uint8
    seen = fitted.any(axis=2)
    assert seen.any()
    assert (fitted[seen] == (10, 100, 200)).all()
    assert how == "pad" or seen.all()


def test_a_line_padded_is_one_row_in_the_middle() -> None:
    # 10 x 20,000 into 64 x 64: 10 * 64 / 20,000 rounds to 0 rows; one is kept, (64 - 1) // 2 = 31 rows above it
    fitted = fit(np.full((10, 20_000, 3), 200, np.uint8), 64, 64, "pad")
    assert np.flatnonzero(fitted.any(axis=(1, 2))).tolist() == [31]


def test_shrinking_averages() -> None:
    # a chessboard of 0 and 255 in single pixels is grey when a tenth as large, not black or white by chance
    board = np.indices((100, 100)).sum(axis=0) % 2 * np.uint8(255)
    fitted = fit(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), 10, 10)
    assert np.abs(fitted.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_fitting_leaves_the_picture_alone(how: Fit) -> None:
    pixels = QUARTERS.copy()
    fit(pixels, 7, 9, how)
    assert np.array_equal(pixels, QUARTERS)


# Channels


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        # 0.299, 0.587 and 0.114 of 255: 76.2, 149.7, 29.1
        (1, [[[76], [150], [29]]]),
        (3, [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]),
        (4, [[[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]]]),
    ],
)
def test_channels(channels: int, expected: Any) -> None:
    pixels = np.array([[RED, GREEN, BLUE]], np.uint8)
    converted = with_channels(pixels, channels)
    assert converted.tolist() == expected
    assert converted.dtype == np.uint8


@pytest.mark.parametrize("channels", [0, 2, 5])
def test_channels_that_no_picture_has(channels: int) -> None:
    with pytest.raises(ImageError, match=f"the model takes {channels} channels; an image gives 1, 3 or 4"):
        with_channels(QUARTERS, channels)
