"""Image files for tests, made by Pillow or by hand, and what reportgen notes about them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from reportgen.image import GivenImage

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
