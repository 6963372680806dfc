"""Pictures as PNG files: what comes back, what other decoders see, and files that are none of ours."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from reportgen.errors import ReportFileError
from reportgen.picture import (
    GREY,
    RGB,
    Picture,
    palette,
    to_png,
    values_from_png,
)

from .pixels import random_values


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def claimed(width: int, height: int, colour_type: int) -> bytes:
    """A PNG that claims a size and holds no pixel of it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0))
    colours = chunk(b"PLTE", bytes(768)) if colour_type == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + header + colours + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


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
