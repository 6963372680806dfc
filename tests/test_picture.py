"""Pixels and the values they stand for: scaled, tiled, laid over one another, to PNG and back without loss."""

from __future__ import annotations

import base64
import io
import math
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import example, given, strategies as st
from PIL import Image

from reportgen.errors import ReportFileError
from reportgen.overlay import overlay
from reportgen.picture import (
    DIVERGING,
    GREY,
    RGB,
    Grid,
    Picture,
    columns_across,
    columns_for,
    difference_picture,
    finite_range,
    palette,
    quantize,
    reduced,
    scaled_picture,
    striped,
    to_png,
    values_from_png,
)

LARGEST = float(np.finfo(np.float32).max)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def claimed(width: int, height: int, colour_type: int) -> bytes:
    """A PNG that claims a size and holds no pixel of it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0))
    colours = chunk(b"PLTE", bytes(768)) if colour_type == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + header + colours + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


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


# PNG


def random_values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (16, 17), (100, 3)])
@pytest.mark.parametrize("colormap", ["viridis", GREY, "coolwarm"])
def test_a_map_comes_back_from_png(shape: tuple[int, int], colormap: str) -> None:
    values = random_values(*shape)
    png = to_png(Picture(values, -1.0, 1.0, colormap))
    back = values_from_png(png, rgb=False)
    assert back.dtype == np.uint8
    assert np.array_equal(back, values)


@pytest.mark.parametrize("shape", [(1, 1, 3), (16, 17, 3), (1, 200, 3)])
def test_colours_come_back_from_png(shape: tuple[int, ...]) -> None:
    values = random_values(*shape)
    assert np.array_equal(values_from_png(to_png(Picture(values, 0.0, 255.0, RGB)), rgb=True), values)


@pytest.mark.parametrize("colormap", ["viridis", GREY, "coolwarm", "magma"])
def test_other_decoders_see_matplotlibs_colours(colormap: str) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = matplotlib.colormaps[colormap](values, bytes=True)[..., :3]
    with Image.open(io.BytesIO(to_png(Picture(values, 0.0, 1.0, colormap)))) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), values)
        assert np.array_equal(np.asarray(image.convert("RGB")), expected)


def test_the_chunks_of_a_map_are_those_of_a_strict_decoder() -> None:
    png = to_png(Picture(random_values(5, 6), 0.0, 1.0, "viridis"))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    names, place = [], 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        name, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert int.from_bytes(png[place + 8 + length : place + 12 + length]) == zlib.crc32(name + content)
        names.append(name)
        place += 12 + length
    assert names == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]


def test_the_same_picture_makes_the_same_bytes() -> None:
    values = random_values(30, 40)
    assert to_png(Picture(values, 0.0, 1.0, "viridis")) == to_png(Picture(values.copy(), 0.0, 1.0, "viridis"))


def test_a_palette_is_256_colours() -> None:
    # matplotlib's viridis runs from (0.267004, 0.004874, 0.329415) to (0.993248, 0.906157, 0.143936); times 255
    assert len(palette("viridis")) == 768
    assert list(palette("viridis")[:3]) == [68, 1, 84]
    assert list(palette("viridis")[-3:]) == [253, 231, 36]


def encoded(image: Image.Image, format_: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_)
    return buffer.getvalue()


MAP, COLOURS = to_png(Picture(random_values(20, 20), 0.0, 1.0, "viridis")), encoded(Image.new("RGB", (20, 20)))


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize(
    "png",
    [
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n",
        MAP[:-40],
        MAP[:60],
        COLOURS[: len(COLOURS) - 30],
        MAP[:900] + bytes(20) + MAP[920:],
        encoded(Image.new("L", (3, 3))),
        encoded(Image.new("RGBA", (3, 3))),
        encoded(Image.new("I;16", (3, 3))),
        encoded(Image.new("RGB", (3, 3)), "JPEG"),
        encoded(Image.new("P", (3, 3)), "GIF"),
    ],
    ids=["empty", "text", "header", "cut", "cut early", "cut colours", "damaged", "grey", "alpha", "deep", "jpeg", "gif"],
)
def test_a_png_that_is_none_of_ours(png: bytes, rgb: bool) -> None:
    with pytest.raises(ReportFileError, match=r"^a picture in the report is .*\.$"):
        values_from_png(png, rgb)


def test_colours_are_no_map() -> None:
    with pytest.raises(ReportFileError, match="is RGB "):
        values_from_png(COLOURS, rgb=False)


READ_WITH_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from reportgen.errors import ReportFileError
from reportgen.picture import values_from_png
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 50_000_000, -1))
for rgb in (False, True):
    try:
        values_from_png(Path(sys.argv[1]).read_bytes(), rgb)
    except ReportFileError as error:
        print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell the size of memory")
@pytest.mark.parametrize("size", [(100_000, 100_000), (12_000, 12_000), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("colour_type", [2, 3])
def test_a_huge_size_is_refused_before_memory_is_taken(tmp_path: Path, size: tuple[int, int], colour_type: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(claimed(*size, colour_type))
    command = [sys.executable, "-W", "error", "-c", READ_WITH_LITTLE_MEMORY, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("a picture in the report is ") == 2


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


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (12, 12), (16, 16), (17, 12), (24, 12), (32, 16), (37, 13), (48, 16), (60, 15), (64, 16), (96, 16)],
)
def test_a_grid_across_the_page_leaves_few_places_empty(count: int, columns: int) -> None:
    # 17 in 12 columns leave 7 of 24 places empty, in 16 columns 15 of 32; 60 are four rows of 15
    assert columns_across(count) == columns
