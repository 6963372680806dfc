"""Many maps in one picture: columns, tiles, and the tiles cut out of it again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from reportgen.errors import ReportFileError
from reportgen.picture import (
    Grid,
    Picture,
    columns_across,
    columns_for,
)

# Tiles


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (2, 2), (3, 3), (4, 2), (6, 3), (12, 4), (32, 8), (37, 7), (64, 8), (96, 12), (128, 16), (512, 32), (0, 1)],
)
def test_columns_for(count: int, columns: int) -> None:
    assert columns_for(count) == columns


@pytest.mark.parametrize("count", range(1, 200))
def test_a_grid_is_nearly_square_and_holds_all(count: int) -> None:
    columns = columns_for(count)
    rows = -(-count // columns)
    assert columns * rows - count < columns
    assert rows <= columns <= math.ceil(1.5 * math.ceil(math.sqrt(count)))


def test_tiles_stand_row_by_row_with_a_gap() -> None:
    # three tiles of 1 x 2 in two columns: 1 | 2 over 3 | empty, with background 9 between and in the empty place
    tiles = np.array([[[1, 1]], [[2, 2]], [[3, 3]]], np.uint8)
    assert Grid(tiles, 2).pixels(background=9).tolist() == [
        [1, 1, 9, 2, 2],
        [9, 9, 9, 9, 9],
        [3, 3, 9, 9, 9],
    ]


def test_64_tiles_are_8_by_8() -> None:
    tiles = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None], (64, 56, 56))
    grid = Grid.of(tiles).pixels()
    assert grid.shape == (455, 455)  # 8 * 56 + 7
    assert np.array_equal(grid[::57, ::57], np.arange(64).reshape(8, 8))
    assert not grid[56::57].any()
    assert not grid[:, 56::57].any()


def test_tiles_of_colour() -> None:
    tiles = np.array([[[[1, 2, 3]]], [[[4, 5, 6]]]], np.uint8)
    assert Grid(tiles, 2).pixels(background=255).tolist() == [[[1, 2, 3], [255, 255, 255], [4, 5, 6]]]


def test_a_single_tile_has_no_gap() -> None:
    assert Grid(np.full((1, 2, 3), 5, np.uint8), 1).pixels().tolist() == [[5, 5, 5], [5, 5, 5]]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.none() | st.integers(1, 12))
@example(1, 1, 1, None)
@example(5, 1, 1, 3)  # a place left empty at the end
@example(3, 1, 7, 1)
def test_tiles_come_back_out_of_their_grid(count: int, height: int, width: int, columns: int | None) -> None:
    tiles = np.random.default_rng(count).integers(0, 256, (count, height, width), dtype=np.uint8)
    grid = Grid.of(tiles) if columns is None else Grid(tiles, columns)
    cut = Grid.cut(grid.pixels(background=7), grid.columns, count)
    assert np.array_equal(cut.tiles, tiles)
    assert cut.columns == grid.columns
    assert np.array_equal(cut.pixels(background=7), grid.pixels(background=7))


def test_a_grid_of_other_numbers_is_cut_too() -> None:
    tiles = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    pixels = Grid(tiles, 2).pixels().astype(np.float32)
    assert np.array_equal(Grid.cut(pixels, 2, 3).tiles, tiles)


def test_pixels_of_no_such_grid_are_refused() -> None:
    pixels = Grid(np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5), 3).pixels()
    for columns, count in (
        (0, 6),
        (-1, 6),
        (4, 6),
        (3, 100),
        (1000, 1),
        (3, 0),
        (3, -1),
        (10**12, 10**12),
        (17, 17),
        (17, 9 * 17),
    ):
        with pytest.raises(ReportFileError, match=f"{count} maps in {columns} columns"):
            Grid.cut(pixels, columns, count)
    for size in ((9, 18), (10, 17), (0, 0), (1, 1), (9, 17, 3)):
        with pytest.raises(ReportFileError, match="not as expected"):
            Grid.cut(np.zeros(size, np.uint8), 3, 6)


def test_a_grid_as_a_picture_keeps_its_scale() -> None:
    tiles = np.array([[[0, 255]], [[51, 102]]], np.uint8)
    picture = Grid.of(tiles).picture(-1.0, 4.0, "magma")
    assert picture == Picture(np.array([[0, 255, 0, 51, 102]], np.uint8), -1.0, 4.0, "magma")
    assert np.array_equal(Grid.cut(picture.numbers(), 2, 2).tiles, [[[-1, 4]], [[0, 1]]])


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (12, 12), (16, 16), (17, 12), (24, 12), (32, 16), (37, 13), (48, 16), (60, 15), (64, 16), (96, 16)],
)
def test_a_grid_across_the_page_leaves_few_places_empty(count: int, columns: int) -> None:
    # 17 in 12 columns leave 7 of 24 places empty, in 16 columns 15 of 32; 60 are four rows of 15
    assert columns_across(count) == columns
