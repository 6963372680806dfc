"""Image files of every kind to pixels."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from reportgen.image import load_image

from .image_files import (
    BLACK,
    BLUE,
    FRAMES_NOTE,
    GREEN,
    PROFILE_NOTE,
    QUARTERS,
    RED,
    WHITE,
    WHITE_NOTE,
    colour_at,
    one_pixel,
    png,
    png_chunk,
    saved,
)

# Formats


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
        ("a.bmp", {}),
        ("a.gif", {}),
        ("a.ppm", {}),
    ],
)
def test_lossless_formats_give_the_very_pixels(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    photograph = load_image(saved(tmp_path / name, Image.fromarray(QUARTERS), **options))
    assert np.array_equal(photograph.pixels, QUARTERS)
    assert photograph.pixels.dtype == np.uint8
    assert photograph.notes_for(3) == ()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 95}),
        ("a.jpg", {"quality": 95, "progressive": True}),
        ("a.webp", {"quality": 95}),
        ("a.avif", {"quality": 95, "speed": 10}),
    ],
)
def test_lossy_formats_give_nearly_the_pixels(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    photograph = load_image(saved(tmp_path / name, Image.fromarray(QUARTERS), **options))
    assert photograph.notes_for(3) == ()
    for row, column, colour in [(8, 12, RED), (8, 36, GREEN), (24, 12, BLUE), (24, 36, WHITE)]:
        assert np.abs(np.subtract(colour_at(photograph, row, column), colour)).max() <= 6


def test_the_facts_are_the_name_the_digest_and_the_size(tmp_path: Path) -> None:
    path = tmp_path / "three by two.ppm"
    path.write_bytes(b"P6 3 2 255 " + bytes(18))
    facts = load_image(path).facts
    # printf 'P6 3 2 255 ' followed by 18 nul bytes | sha256sum
    assert facts.digest == "e68944cfd96ea6f882a72b7784ea33fb144d4ea290d69965411a5fab6146dbe6"
    assert (facts.name, facts.width, facts.height) == ("three by two.ppm", 3, 2)


def test_a_name_that_is_no_text_is_written_so_that_a_report_can_hold_it(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        saved(path, Image.fromarray(QUARTERS), format="PNG")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    assert load_image(path).facts.name == "caf\N{REPLACEMENT CHARACTER}.png"


@pytest.mark.parametrize("size", [(1, 1), (20_000, 10), (10, 20_000), (1, 3_000_000)])
def test_sizes_at_the_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    photograph = load_image(saved(tmp_path / "a.png", Image.new("RGB", size, RED), compress_level=1))
    assert photograph.pixels.shape == (size[1], size[0], 3)
    assert (photograph.pixels == RED).all()


def test_a_picture_of_many_bands_is_put_together_in_order(tmp_path: Path) -> None:
    # 3,000 rows of 1,000: 3 million pixels, more than are turned at a time; each row is known by its number
    rows = np.repeat(np.arange(3000, dtype=np.uint16), 1000).reshape(3000, 1000)
    numbers = np.stack([rows >> 8, rows & 255, np.full_like(rows, 7)], axis=-1).astype(np.uint8)
    photograph = load_image(saved(tmp_path / "a.png", Image.fromarray(numbers), compress_level=1))
    assert np.array_equal(photograph.pixels, numbers)


def test_bands_share_one_range_and_say_a_note_once(tmp_path: Path) -> None:
    # both are of three million pixels: the first band has no number in it, and each has transparency
    numbers = np.full((3000, 1000), np.nan, np.float32)
    numbers[-1] = np.linspace(5, 7, 1000)
    photograph = load_image(saved(tmp_path / "a.tif", Image.fromarray(numbers)))
    assert photograph.notes_for(3) == (SCALED.format(5, 7), f"2,999,000 pixels are {BROKEN}")
    assert photograph.pixels[-1, [0, -1], 0].tolist() == [0, 255]
    clear = Image.new("RGBA", (1000, 3000), (0, 0, 0, 0))
    assert load_image(saved(tmp_path / "a.png", clear, compress_level=1)).notes_for(3) == (WHITE_NOTE,)


# Depths and modes

SCALED, BROKEN = (
    "The image's values were scaled by their own range: {} is black, {} white.",
    "nan or infinite in the file; nan became black.",
)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("1", 1, WHITE),
        ("LA", (77, 255), (77, 77, 77)),
        ("RGBA", (1, 2, 3, 255), (1, 2, 3)),
        ("I;16", 0x1234, (0x12, 0x12, 0x12)),  # the upper byte
        ("I;16", 0xFFFF, WHITE),
    ],
)
def test_modes_of_png(tmp_path: Path, mode: str, colour: Any, expected: tuple[int, ...]) -> None:
    photograph = load_image(saved(tmp_path / "a.png", one_pixel(mode, colour)))
    assert colour_at(photograph) == expected
    assert photograph.notes_for(3) == ()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("CMYK", (0, 255, 255, 0), RED),  # full magenta and yellow
        ("I;16", 0x8001, (0x80, 0x80, 0x80)),
        ("I;16B", 0x8001, (0x80, 0x80, 0x80)),
        ("P", 0, BLACK),
        ("1", 0, BLACK),
    ],
)
def test_modes_of_tiff(tmp_path: Path, mode: str, colour: Any, expected: tuple[int, ...]) -> None:
    image = one_pixel(mode, colour)
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
    assert colour_at(load_image(saved(tmp_path / "a.tif", image))) == expected


def test_lab_is_turned_into_srgb(tmp_path: Path) -> None:
    # lightness 100 (255) without colour (128 is the middle) is white
    photograph = load_image(saved(tmp_path / "a.tif", one_pixel("LAB", (255, 128, 128))))
    assert np.abs(np.subtract(colour_at(photograph), WHITE)).max() <= 1
    assert photograph.notes_for(3) == (PROFILE_NOTE,)


def test_16_bit_rgb_by_its_upper_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 1, 16, 2, zlib.compress(b"\0" + bytes.fromhex("12ff 8000 fe01"))))
    assert colour_at(load_image(path)) == (0x12, 0x80, 0xFE)


def test_16_bit_pgm_by_its_upper_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 65535 " + bytes.fromhex("12ff ffff"))
    assert load_image(path).pixels[0, :, 0].tolist() == [0x12, 0xFF]


@pytest.mark.parametrize(
    ("values", "expected", "notes"),
    [
        # 255 / (3 - -1) = 63.75 a unit: 0, 63.75, 127.5 (to the even 128), 255
        (np.array([-1, 0, 1, 3], np.float32), [0, 64, 128, 255], [SCALED.format(-1, 3)]),
        (np.array([np.nan, np.inf, -np.inf, 2], np.float32), [0, 0, 0, 0], [SCALED.format(2, 2), f"3 pixels are {BROKEN}"]),
        (np.array([np.nan, np.inf, 1, 2], np.float32), [0, 255, 0, 255], [SCALED.format(1, 2), f"2 pixels are {BROKEN}"]),
        (np.array([np.nan, 1, 2, 3], np.float32), [0, 0, 128, 255], [SCALED.format(1, 3), f"One pixel is {BROKEN}"]),
        (np.array([np.nan, np.inf], np.float32), [0, 0], ["No value of the image is a finite number, so the image is black."]),
        (np.array([-100_000, 0, 0, 100_000], np.int32), [0, 128, 128, 255], [SCALED.format(-100000, 100000)]),
    ],
)
def test_numbers_of_any_range_by_their_own(tmp_path: Path, values: np.ndarray, expected: list[int], notes: list[str]) -> None:
    photograph = load_image(saved(tmp_path / "a.tif", Image.fromarray(values[None])))
    assert photograph.notes_for(3) == tuple(notes)
    assert photograph.pixels[0, :, 0].tolist() == expected


def test_cmyk_jpeg_stored_inverted_as_adobe_does(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=100)
    assert b"Adobe" in path.read_bytes()
    assert np.abs(np.subtract(colour_at(load_image(path), 8, 8), RED)).max() <= 2


def test_grey_jpeg(tmp_path: Path) -> None:
    photograph = load_image(saved(tmp_path / "a.jpg", Image.new("L", (16, 16), 100)))
    assert colour_at(photograph, 8, 8) == (100, 100, 100)


# Transparency


@pytest.mark.parametrize(
    ("name", "mode", "colour", "expected"),
    [
        ("a.png", "RGBA", (255, 0, 0, 0), WHITE),
        # 200/255 of 100 and the rest of 255: 100 + (255 - 100) * 55/255 = 133.4
        ("a.png", "RGBA", (100, 100, 100, 200), (133, 133, 133)),
        ("a.png", "LA", (0, 51), (204, 204, 204)),  # a fifth of black
        ("a.webp", "RGBA", (0, 0, 0, 0), WHITE),
        ("a.tif", "RGBA", (0, 0, 255, 0), WHITE),
        ("a.tif", "LA", (0, 51), (204, 204, 204)),
    ],
)
def test_transparent_parts_become_white(tmp_path: Path, name: str, mode: str, colour: Any, expected: tuple[int, ...]) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    photograph = load_image(saved(tmp_path / name, one_pixel(mode, colour), **options))
    assert colour_at(photograph) == expected
    assert photograph.notes_for(3) == (WHITE_NOTE,)


@pytest.mark.parametrize("transparency", [0, bytes([0, 255])])
def test_palette_with_a_transparent_entry(tmp_path: Path, transparency: Any) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 1])
    photograph = load_image(saved(tmp_path / "a.png", image, transparency=transparency))
    assert [colour_at(photograph, 0, column) for column in (0, 1)] == [WHITE, BLUE]
    assert photograph.notes_for(3) == (WHITE_NOTE,)


@pytest.mark.parametrize(
    ("colour_type", "transparent", "other"),
    [(0, "1234", "5678"), (2, "1234 5678 9abc", "1234 5678 ffff")],
)
def test_the_transparent_colour_of_a_16_bit_png(tmp_path: Path, colour_type: int, transparent: str, other: str) -> None:
    path = tmp_path / "a.png"
    row = b"\0" + bytes.fromhex(transparent) + bytes.fromhex(other)
    path.write_bytes(png(2, 1, 16, colour_type, zlib.compress(row), png_chunk(b"tRNS", bytes.fromhex(transparent))))
    photograph = load_image(path)
    assert colour_at(photograph) == WHITE
    assert colour_at(photograph, 0, 1) != WHITE
    assert photograph.notes_for(3) == (WHITE_NOTE,)


@pytest.mark.parametrize(("mode", "stored", "expected"), [("RGBA", (51, 0, 0, 51), (255, 204, 204)), ("LA", (0, 51), (204,) * 3)])
def test_a_premultiplied_tiff(tmp_path: Path, mode: str, stored: tuple[int, ...], expected: tuple[int, ...]) -> None:
    # 51 of 255 is a fifth; the colour is stored as that fifth already: full red, and black
    path = saved(tmp_path / "a.tif", one_pixel(mode, stored))
    unassociated, associated = (struct.pack("<HHIHH", ExifTags.Base.ExtraSamples, 3, 1, kind, 0) for kind in (2, 1))
    assert path.read_bytes().count(unassociated) == 1
    path.write_bytes(path.read_bytes().replace(unassociated, associated))
    photograph = load_image(path)
    assert colour_at(photograph) == expected
    assert photograph.notes_for(3) == (WHITE_NOTE,)


# Animations


@pytest.mark.parametrize(
    ("name", "options"), [("a.gif", {}), ("a.png", {}), ("a.webp", {"lossless": True}), ("a.tif", {}), ("a.avif", {})]
)
def test_of_an_animation_the_first_frame(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    path = tmp_path / name
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    photograph = load_image(path)
    assert np.abs(np.subtract(colour_at(photograph, 8, 8), RED)).max() <= 3
    assert photograph.notes_for(3) == (FRAMES_NOTE,)


def test_the_frames_are_not_counted(tmp_path: Path) -> None:
    # two million frames of a pixel, 40 MB: to count them takes seconds
    first = io.BytesIO()
    one_pixel("L", 0).save(first, "GIF")
    start = first.getvalue().index(b",")
    frame = first.getvalue()[start:-1]
    path = tmp_path / "a.gif"
    path.write_bytes(first.getvalue()[:start] + frame * 2_000_000 + b";")
    began = time.process_time()
    assert load_image(path).notes_for(3) == (FRAMES_NOTE,)
    assert time.process_time() - began < 1
