"""Image files of every kind to pixels; files that are none, refused in one line; and pixels fitted to a model's input."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from reportgen.errors import ImageError
from reportgen.image import (
    LARGEST_FILE,
    LARGEST_IMAGE,
    LARGEST_OF_FORMAT,
    GivenImage,
    fit,
    image_from_array,
    load_image,
    with_channels,
)
from reportgen.options import Fit

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
# 32 x 48: the four quarters red, green, blue, white; large enough that JPEG's blocks keep the colours apart
QUARTERS = np.zeros((32, 48, 3), np.uint8)
QUARTERS[:16, :24], QUARTERS[:16, 24:], QUARTERS[16:, :24], QUARTERS[16:, 24:] = RED, GREEN, BLUE, WHITE
FRAMES_NOTE = "The file contains several frames; only the first was used."
TURNED_NOTE = "The image was turned upright by its EXIF orientation."
WHITE_NOTE = "Transparent areas were filled with white, for the model and on the page."
PROFILE_NOTE = "The image's colours were converted to sRGB."
NO_PROFILE_NOTE = "The image's colour profile could not be read and was ignored."


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def one_pixel(mode: str, colour: Any) -> Image.Image:
    return Image.new(mode, (1, 1), colour)


def colour_at(image: GivenImage, row: int = 0, column: int = 0) -> tuple[int, ...]:
    return tuple(image.pixels[row, column].tolist())


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour_type: int, data: bytes, *chunks: bytes) -> bytes:
    """A PNG made by hand; `data` is the content of IDAT, compressed."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


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
    assert photograph.notes_for(3) == ("The image's values were scaled by their own range: 5 is black, 7 white.",)
    assert photograph.pixels[-1, [0, -1], 0].tolist() == [0, 255]
    clear = Image.new("RGBA", (1000, 3000), (0, 0, 0, 0))
    assert load_image(saved(tmp_path / "a.png", clear, compress_level=1)).notes_for(3) == (WHITE_NOTE,)


# Depths and modes


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
    ("values", "expected", "note"),
    [
        # 255 / (3 - -1) = 63.75 a unit: 0, 63.75, 127.5 (to the even 128), 255
        (np.array([-1, 0, 1, 3], np.float32), [0, 64, 128, 255], "-1 is black, 3 white"),
        (np.array([np.nan, np.inf, -np.inf, 2], np.float32), [0, 0, 0, 0], "2 is black, 2 white"),
        (np.array([np.nan, np.inf, 1, 2], np.float32), [0, 255, 0, 255], "1 is black, 2 white"),
        (np.array([np.nan] * 4, np.float32), [0, 0, 0, 0], "0 is black, 0 white"),
        (np.array([-100_000, 0, 0, 100_000], np.int32), [0, 128, 128, 255], "-100000 is black, 100000 white"),
    ],
)
def test_numbers_of_any_range_by_their_own(tmp_path: Path, values: np.ndarray, expected: list[int], note: str) -> None:
    photograph = load_image(saved(tmp_path / "a.tif", Image.fromarray(values[None])))
    assert photograph.notes_for(3) == (f"The image's values were scaled by their own range: {note}.",)
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


# Orientation

# How an upright picture has to be stored for each mark (EXIF 2.3, "Orientation": where the 0th row and 0th column lie)
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,  # row 0 on top, column 0 on the left
    2: lambda upright: np.fliplr(upright),  # top, right
    3: lambda upright: np.flipud(np.fliplr(upright)),  # bottom, right
    4: lambda upright: np.flipud(upright),  # bottom, left
    5: lambda upright: upright.transpose(1, 0, 2),  # left, top
    6: lambda upright: np.fliplr(upright).transpose(1, 0, 2),  # right, top
    7: lambda upright: np.flipud(np.fliplr(upright)).transpose(1, 0, 2),  # right, bottom
    8: lambda upright: np.flipud(upright).transpose(1, 0, 2),  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_orientation_marks_are_obeyed(tmp_path: Path, name: str, orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](QUARTERS)))
    options = {"lossless": True} if name.endswith("webp") else {}
    photograph = load_image(saved(tmp_path / name, stored, exif=oriented(orientation), **options))
    assert np.array_equal(photograph.pixels, QUARTERS)
    assert (photograph.facts.width, photograph.facts.height) == (48, 32)
    assert photograph.notes_for(3) == ((TURNED_NOTE,) if orientation > 1 else ())


@pytest.mark.parametrize("name", ["a.jpg", "a.avif"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_marks_of_lossy_formats(tmp_path: Path, name: str, orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](QUARTERS)))
    photograph = load_image(saved(tmp_path / name, stored, exif=oriented(orientation), quality=95))
    assert photograph.notes_for(3) == (TURNED_NOTE,)
    assert np.abs(np.subtract(colour_at(photograph, 8, 36), GREEN)).max() <= 6


@pytest.mark.parametrize("exif", [oriented(9), oriented(0), b"Exif\0\0no TIFF at all", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_a_damaged_mark_spoils_no_picture(tmp_path: Path, exif: Any) -> None:
    photograph = load_image(saved(tmp_path / "a.png", Image.fromarray(QUARTERS), exif=exif))
    assert np.array_equal(photograph.pixels, QUARTERS)
    assert photograph.notes_for(3) == ()


# Colour profiles


def display_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], gamma: float) -> bytes:
    """An ICC profile (version 2) of a display: the primaries in XYZ under D50, and one gamma for all three."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    contents = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78),
        b"cprt": b"text\0\0\0\0x\0\0\0",
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, data = struct.pack(">I", len(contents)), b""
    for name, content in contents.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(contents) + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s12s4s", 0, b"test", 0x02100000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp")
    header += bytes(128 - len(header) - 60) + struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    profile = header + table + data
    return struct.pack(">I", len(profile)) + profile[4:]


# sRGB's own primaries under D50
SRGB_RED, SRGB_GREEN, SRGB_BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
LINEAR = display_profile(SRGB_RED, SRGB_GREEN, SRGB_BLUE, gamma=1)
RED_AND_GREEN_CHANGED = display_profile(SRGB_GREEN, SRGB_RED, SRGB_BLUE, gamma=2.2)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize(
    ("profile", "colour", "expected"),
    [
        (RED_AND_GREEN_CHANGED, RED, GREEN),
        (RED_AND_GREEN_CHANGED, GREEN, RED),
        # 128/255 = 0.502 of the light; 1.055 * 0.502 ** (1 / 2.4) - 0.055 = 0.7367 in sRGB, 187.9 of 255
        (LINEAR, (128, 128, 128), (188, 188, 188)),
    ],
)
def test_profiles_are_turned_into_srgb(
    tmp_path: Path, name: str, profile: bytes, colour: tuple[int, int, int], expected: tuple[int, ...]
) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    photograph = load_image(saved(tmp_path / name, one_pixel("RGB", colour), icc_profile=profile, **options))
    assert np.abs(np.subtract(colour_at(photograph), expected)).max() <= 1
    assert photograph.notes_for(3) == (PROFILE_NOTE,)


def test_a_profile_holds_for_a_palette_too(tmp_path: Path) -> None:
    image = Image.new("P", (1, 1))
    image.putpalette([*RED, *BLUE])
    photograph = load_image(saved(tmp_path / "a.png", image, icc_profile=RED_AND_GREEN_CHANGED))
    assert np.abs(np.subtract(colour_at(photograph), GREEN)).max() <= 1


def test_a_profile_and_transparency(tmp_path: Path) -> None:
    # the red becomes green, then a fifth of it (51/255) is laid on white: 255 * 4/5 = 204 of the others
    image = one_pixel("RGBA", (255, 0, 0, 51))
    photograph = load_image(saved(tmp_path / "a.png", image, icc_profile=RED_AND_GREEN_CHANGED))
    assert np.abs(np.subtract(colour_at(photograph), (204, 255, 204))).max() <= 1
    assert photograph.notes_for(3) == (PROFILE_NOTE, WHITE_NOTE)


def test_the_profile_of_srgb_leaves_every_pixel_exact(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    photograph = load_image(saved(tmp_path / "a.png", Image.fromarray(pixels), icc_profile=SRGB))
    assert np.array_equal(photograph.pixels, pixels)
    assert photograph.notes_for(3) == ()


@pytest.mark.parametrize("profile", [b"no profile", LINEAR[:200], bytes(128)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_broken_profile_is_left_aside(tmp_path: Path, profile: bytes, mode: str) -> None:
    image = Image.fromarray(QUARTERS).convert(mode)
    photograph = load_image(saved(tmp_path / "a.png", image, icc_profile=profile))
    assert np.array_equal(photograph.pixels, np.asarray(image.convert("RGB")))
    assert photograph.notes_for(3) == (NO_PROFILE_NOTE,)


# What stays out of a report


def test_nothing_of_the_metadata_is_kept(tmp_path: Path) -> None:
    exif = oriented(6)
    exif[ExifTags.Base.Make], exif[ExifTags.Base.BodySerialNumber] = "SECRET-maker", "SECRET-serial"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "SECRET-north"
    folder = tmp_path / "SECRET-folder"
    folder.mkdir()
    path = saved(folder / "a.jpg", Image.fromarray(QUARTERS), exif=exif, comment=b"SECRET-comment", icc_profile=LINEAR)
    assert path.read_bytes().count(b"SECRET") == 4
    photograph = load_image(path)
    assert vars(photograph).keys() == {"colours", "fourth", "facts", "notes", "from_file", "from_array_file"}
    assert "SECRET" not in repr((photograph.facts, photograph.notes))
    assert photograph.pixels.dtype.metadata is None


# Large pictures

MEASURE = """
import re, sys
from pathlib import Path
from reportgen.image import load_image
photograph = load_image(Path(sys.argv[1]))
for channels in (3, 4):
    photograph.fitted(64, 64, channels, "stretch")
# not getrusage's figure, which a process inherits from the one that started it
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(*photograph.pixels.shape, *photograph.pixels[-1, -1], peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
@pytest.mark.parametrize(
    ("colour_type", "pixel", "colour"),
    [(2, (1, 2, 3), (1, 2, 3)), (6, (0, 0, 255, 51), (204, 204, 255))],
    ids=["rgb", "transparent"],
)
def test_a_hundred_megapixels_take_less_than_a_gigabyte(
    tmp_path: Path, colour_type: int, pixel: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    packer = zlib.compressobj(1)
    rows = [packer.compress(b"\0" + bytes(pixel) * 10_000) for _ in range(10_000)]
    path = tmp_path / "large.png"
    path.write_bytes(png(10_000, 10_000, 8, colour_type, b"".join([*rows, packer.flush()])))
    *shape_and_colour, peak = measured(path)
    assert shape_and_colour == [10_000, 10_000, 3, *colour]
    assert peak * 1024 < 1e9


def measured(path: Path) -> list[int]:
    """The shape that a fresh process read, the last pixel, and its peak of memory in KiB."""
    result = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    return list(map(int, result.stdout.split()))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
@pytest.mark.parametrize(("format_", "options"), [("WEBP", {"method": 0}), ("AVIF", {"speed": 10})])
def test_the_most_pixels_of_formats_with_hungry_decoders_take_less_than_a_gigabyte(
    tmp_path: Path, format_: str, options: dict[str, Any]
) -> None:
    assert LARGEST_OF_FORMAT[format_] == 50_000_000
    path = saved(tmp_path / "large", Image.new("RGBA", (10_000, 5_000), (0, 0, 255, 0)), format=format_, **options)
    *shape_and_colour, peak = measured(path)
    assert shape_and_colour == [5_000, 10_000, 3, *WHITE]
    assert peak * 1024 < 1e9


@pytest.mark.parametrize("format_", ["WEBP", "AVIF"])
def test_more_pixels_of_them_are_refused_before_they_are_decoded(tmp_path: Path, format_: str) -> None:
    options = {"WEBP": {"method": 0}, "AVIF": {"speed": 10}}[format_]
    path = saved(tmp_path / "a", Image.new("RGB", (10_001, 5_000)), format=format_, **options)
    began = time.process_time()
    with pytest.raises(ImageError, match=f"10001 x 5000 pixels; at most 50,000,000 of {format_} are read. Make it smaller."):
        load_image(path)
    assert time.process_time() - began < 0.3  # to decode it takes a second


@pytest.mark.parametrize("size", [(10_001, 10_000), (100_000_001, 1), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_a_larger_picture_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    # what would be decoded is no compressed data: had it been tried, the message would tell of damage
    path.write_bytes(png(*size, 8, 2, b"not zlib"))
    began = time.process_time()
    with pytest.raises(ImageError, match=f"bomb.png: {size[0]} x {size[1]} pixels; at most 100,000,000 are read. Make it"):
        load_image(path)
    assert time.process_time() - began < 1


def test_a_picture_of_the_limit_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(LARGEST_IMAGE // 10_000, 10_000, 1, 0, b"not zlib"))
    with pytest.raises(ImageError, match="damaged or truncated"):
        load_image(path)


def riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def test_a_webp_that_claims_a_huge_canvas(tmp_path: Path) -> None:
    # an animation of 16384 x 16384 whose one frame is a pixel; sides are stored less one, in three bytes
    image = io.BytesIO()
    one_pixel("RGB", RED).save(image, "WEBP")
    side = struct.pack("<I", 16383)[:3]
    frame = riff_chunk(b"ANMF", bytes(16) + image.getvalue()[12:])
    chunks = riff_chunk(b"VP8X", b"\2\0\0\0" + side + side) + riff_chunk(b"ANIM", bytes(6)) + frame
    path = tmp_path / "bomb.webp"
    path.write_bytes(riff_chunk(b"RIFF", b"WEBP" + chunks))
    with pytest.raises(ImageError, match=r"bomb\.webp: 16384 x 16384 pixels"):
        load_image(path)


@pytest.mark.parametrize("limit", [1, None, 10**12])
def test_pillows_own_limit_neither_holds_nor_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(QUARTERS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert load_image(path).pixels.shape == QUARTERS.shape
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError):
        load_image(path)
    assert limit == Image.MAX_IMAGE_PIXELS


# What is no image


def test_a_file_larger_than_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk
    began = time.process_time()
    with pytest.raises(ImageError, match=r"large\.png: 500,000,001 bytes; at most 500,000,000 are read\. Make it smaller\."):
        load_image(path)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("path", ["nothing.png", "nothing/a.png", "file.txt/a.png", "nul\0.png"])
def test_no_such_file(tmp_path: Path, path: str) -> None:
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(ImageError, match=r"\.png: no such file; check the name\.$"):
        load_image(tmp_path / path)


@pytest.mark.parametrize("address", ["https://example.com/cat.png", "HTTP://example.com/cat.png", "s3://bucket/cat.png"])
def test_an_address_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(ImageError, match="download the image and name the file") as caught:
        load_image(Path(address))
    assert str(caught.value).lower().startswith(f"{address.lower()}: ")


def test_a_name_too_long_for_any_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        load_image(tmp_path / ("a" * 5000))


def test_a_folder_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(ImageError, match=f"^{path}: this is not a file; name one image.$"):
            load_image(path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match=r"a\.png: the file is empty; name an image\.$"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"x", b"A text, and no image.\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", bytes(5000)])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    formats = "JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF"
    with pytest.raises(ImageError, match=rf"a\.png: not an image that can be read; expected {formats}\.$"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_image_cut_short(tmp_path: Path, format_: str, share: float) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(whole, format_)
    path = tmp_path / "a.image"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
    with pytest.raises(
        ImageError, match=r"a\.image: (the image is damaged or truncated|not an image that can be read).*\.$"
    ) as caught:
        load_image(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Root may read everything: for the test, be nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_that_may_not_be_read(request: pytest.FixtureRequest, tmp_path: Path, closed: str) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(QUARTERS))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (path if closed == "file" else tmp_path).chmod(0)
    request.getfixturevalue("as_nobody")
    with pytest.raises(ImageError, match=r"a\.png: cannot be read \(Permission denied\); check the file and its permissions\.$"):
        load_image(path)


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
