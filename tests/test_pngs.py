"""PNG files with one byte per pixel, against a filter written pixel by pixel as the specification defines it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from reportgen.pngs import BAND, chart_png, map_png, paeth, palette_png, with_opacities

COLOURS = bytes(range(256)) * 3
RANDOM = np.random.default_rng(5)


def by_the_specification(pixels: np.ndarray) -> np.ndarray:
    rows = np.full((pixels.shape[0], pixels.shape[1] + 1), 4, np.uint8)
    for y, x in np.ndindex(pixels.shape):
        left = int(pixels[y, x - 1]) if x else 0
        upper = int(pixels[y - 1, x]) if y else 0
        corner = int(pixels[y - 1, x - 1]) if x and y else 0
        estimate = left + upper - corner
        # Python's min takes the first of equals: left before upper before corner, as the specification asks
        nearest = min((left, upper, corner), key=lambda each: abs(estimate - each))
        rows[y, x + 1] = (int(pixels[y, x]) - nearest) % 256
    return rows


def opened(png: bytes, mode: str) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return np.asarray(image if mode == "P" else image.convert(mode))


@pytest.mark.parametrize("values", [256, 4, 2, 1])
def test_each_pixel_is_predicted_as_the_specification_says(values: int) -> None:
    """Few values give many ties, many give every order of the three neighbours."""
    pixels = RANDOM.integers(0, values, (60, 70), np.uint8)
    assert np.array_equal(paeth(pixels), by_the_specification(pixels))
    smooth = np.add.outer(np.arange(60), np.arange(70)).astype(np.uint8) + pixels // 32
    assert np.array_equal(paeth(smooth), by_the_specification(smooth))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, BAND - 1), (5, BAND // 2), (700, 300)])
def test_pictures_of_any_shape_come_back(shape: tuple[int, int]) -> None:
    """Those wider than a band of the filter, too, and those whose last band is not full."""
    pixels = RANDOM.integers(0, 256, shape, np.uint8)
    for png in (map_png(pixels, COLOURS), chart_png(pixels, COLOURS), palette_png(pixels, COLOURS)):
        assert np.array_equal(opened(png, "P"), pixels)


def test_a_part_of_a_larger_array_comes_back() -> None:
    pixels = RANDOM.integers(0, 256, (40, 60, 2), np.uint8)[::2, ::-1, 1]
    assert np.array_equal(opened(map_png(pixels, COLOURS), "P"), pixels)
    assert np.array_equal(opened(palette_png(pixels, COLOURS), "P"), pixels)


def test_colours_have_their_opacities() -> None:
    pixels = np.array([[0, 1, 2]], np.uint8)
    few = opened(map_png(pixels, bytes([9, 8, 7, 200, 100, 50, 1, 2, 3]), bytes([0, 128])), "RGBA")
    assert few.tolist() == [[[9, 8, 7, 0], [200, 100, 50, 128], [1, 2, 3, 255]]]
    many = opened(with_opacities(map_png(pixels, COLOURS), bytes([255, 64, 0]) + bytes(253)), "RGBA")
    assert many[0, :, 3].tolist() == [255, 64, 0]


def test_a_smooth_map_takes_as_little_room_as_with_the_best_filter_for_each_row() -> None:
    rows, columns = np.indices((200, 300)) / 40
    smooth = np.rint(127 * (1 + np.sin(rows) * np.cos(columns)))
    pixels = (smooth + RANDOM.integers(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=9)
    assert len(map_png(pixels, COLOURS)) < 1.05 * len(buffer.getvalue()) + len(COLOURS)
