"""What an image file holds besides its pixels: its orientation and its colour profile are obeyed, all else is left behind."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from reportgen.image import load_image

from .image_files import (
    BLUE,
    GREEN,
    NO_PROFILE_NOTE,
    PROFILE_NOTE,
    QUARTERS,
    RED,
    TURNED_NOTE,
    WHITE_NOTE,
    colour_at,
    one_pixel,
    oriented,
    saved,
)

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
