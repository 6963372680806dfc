"""Small image files that ask for a lot: hours of decoding, all memory, or words of a C library on standard error."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.errors import ImageError
from reportgen.image import load_image
from reportgen.image_bounds import LARGEST_TILE, MOST_SCANS, MOST_SEGMENTS

SOS, EOI, COMMENT = b"\xff\xda", b"\xff\xd9", b"\xff\xfe"
NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", **options)
    return buffer.getvalue()


PROGRESSIVE = jpeg(progressive=True)
LAST_SCAN = PROGRESSIVE[PROGRESSIVE.rindex(SOS) : -2]
SCANS = PROGRESSIVE.count(SOS)


def scanned(scans: int) -> bytes:
    """A progressive JPEG of so many scans, the last one over and over."""
    return PROGRESSIVE[:-2] + LAST_SCAN * (scans - SCANS) + EOI


def segment(code: bytes, content: bytes) -> bytes:
    return code + struct.pack(">H", len(content) + 2) + content


def loaded(tmp_path: Path, content: bytes) -> np.ndarray:
    path = tmp_path / "image"
    path.write_bytes(content)
    return load_image(path).pixels


def refusal(tmp_path: Path, content: bytes) -> str:
    """The one line that a file is refused with, at once."""
    start = time.process_time()
    with pytest.raises(ImageError) as caught:
        loaded(tmp_path, content)
    assert time.process_time() - start < 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


# JPEG


@pytest.mark.parametrize("scans", [SCANS, 20, MOST_SCANS])
def test_a_jpeg_of_some_scans_is_read(tmp_path: Path, scans: int) -> None:
    assert loaded(tmp_path, scanned(scans)).shape == NOISE.shape


HIDDEN = {
    "one after another": scanned(MOST_SCANS + 1),
    "thousands": scanned(6211),
    "with restart marks between": PROGRESSIVE[:-2] + b"".join(LAST_SCAN + b"\xff\xd0" for _ in range(200)) + EOI,
    "with stuffing between": PROGRESSIVE[:-2] + (b"\xff" * 7 + LAST_SCAN + b"\0\0\xff\0") * 200 + EOI,
    "with comments between": PROGRESSIVE[:-2] + (segment(COMMENT, EOI * 9) + LAST_SCAN) * 200 + EOI,
    "with comments as long as they can be": PROGRESSIVE[:-2] + (segment(COMMENT, bytes(65533)) + LAST_SCAN) * 200 + EOI,
    "behind an end in a comment": PROGRESSIVE[:2] + segment(COMMENT, EOI) + scanned(200)[2:],
    "behind an end in a table": PROGRESSIVE[:2] + segment(b"\xff\xe1", b"Exif\0\0" + EOI) + scanned(200)[2:],
    "without an end": scanned(200)[:-2],
    "of a plain JPEG": (lambda plain: plain[:-2] + plain[plain.rindex(SOS) : -2] * 200 + EOI)(jpeg()),
}  # fmt: skip


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_jpeg_of_many_scans_is_refused(tmp_path: Path, kind: str) -> None:
    assert f"more than {MOST_SCANS} scans" in refusal(tmp_path, HIDDEN[kind])


@pytest.mark.parametrize(
    "content",
    [
        PROGRESSIVE[:2] + b"".join(segment(COMMENT, SOS * 30000) for _ in range(20)) + PROGRESSIVE[2:],
        PROGRESSIVE + SOS * 1000,
        PROGRESSIVE + scanned(200),
        jpeg(restart_marker_blocks=1),
        jpeg(quality=100, subsampling=0),
        jpeg(comment=b"\xff\xda\0\x08" * 500),
    ],
    ids=["in comments", "behind the end", "in a file behind it", "restarts", "stuffed", "in a comment"],
)
def test_what_only_looks_like_scans_does_not_count(tmp_path: Path, content: bytes) -> None:
    assert loaded(tmp_path, content).shape == NOISE.shape


def test_scans_are_found_at_any_place_of_a_window(tmp_path: Path) -> None:
    # a marker cut in two by the edge of what is read at a time is seen as well
    for shift in range(24):
        padding = segment(COMMENT, bytes(65536 - 24 + shift - 4 - 2)) if shift else b""
        content = PROGRESSIVE[:2] + padding + scanned(MOST_SCANS + 1)[2:]
        assert "scans" in refusal(tmp_path, content)


def test_a_jpeg_of_millions_of_segments_is_refused(tmp_path: Path) -> None:
    content = PROGRESSIVE[:2] + segment(COMMENT, b"") * 5_000_000 + PROGRESSIVE[2:]
    assert f"more than {MOST_SEGMENTS:,} segments" in refusal(tmp_path, content)


def test_the_most_scans_of_a_large_picture_take_seconds(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 3000), "red").save(buffer, "JPEG", progressive=True)
    whole = buffer.getvalue()
    start = time.process_time()
    loaded(tmp_path, whole[:-2] + whole[whole.rindex(SOS) : -2] * (MOST_SCANS - whole.count(SOS)) + EOI)
    assert time.process_time() - start < 10


# TIFF

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, TILE_WIDTH, TILE_LENGTH, OFFSETS, COUNTS = (
    256, 257, 258, 259, 262, 277, 322, 323, 324, 325,
)  # fmt: skip
SHORT, LONG, LONG8 = 3, 4, 16
Entry = tuple[int, int, int]


def tiff(*entries: Entry, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of 1 x 1 pixel and a directory with these entries (tag, type, value) in place of the ordinary ones."""
    data = bytes(20)
    start = 16 if big else 8
    given = {tag for tag, _, _ in entries}
    usual = [(WIDTH, SHORT, 1), (LENGTH, SHORT, 1), (BITS, SHORT, 8), (COMPRESSION, SHORT, 5), (PHOTOMETRIC, SHORT, 1),
             (SAMPLES, SHORT, 1), (OFFSETS, LONG, start), (COUNTS, LONG, len(data))]  # fmt: skip
    rows = sorted([*(each for each in usual if each[0] not in given), *entries], key=lambda row: row[0])
    directory = b"".join(entry(*row, order, big) for row in rows)
    mark = {"<": b"II", ">": b"MM"}[order]
    if big:
        header = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, start + len(data))
        return header + data + struct.pack(f"{order}Q", len(rows)) + directory + bytes(8)
    header = mark + struct.pack(f"{order}HI", 42, start + len(data))
    return header + data + struct.pack(f"{order}H", len(rows)) + directory + bytes(4)


def entry(tag: int, kind: int, value: int, order: str, big: bool) -> bytes:
    form = {SHORT: "H", LONG: "I", LONG8: "Q"}[kind]
    return struct.pack(f"{order}HH{'Q' if big else 'I'}", tag, kind, 1) + struct.pack(order + form, value).ljust(
        8 if big else 4, b"\0"
    )


def tiles(width: int, length: int | None = None, kind: int = LONG) -> Sequence[Entry]:
    return (TILE_WIDTH, kind, width), (TILE_LENGTH, kind, width if length is None else length)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
@pytest.mark.parametrize("compression", [5, 8, 7, 32773, 50000])
@pytest.mark.parametrize("size", [(32000, 32000), (2**31, 16), (16, 2**24), (2**32 - 1, 2**32 - 1), (4112, 4096)])
def test_a_small_tiff_of_huge_tiles_is_refused(
    tmp_path: Path, size: tuple[int, int], compression: int, big: bool, order: str
) -> None:
    content = tiff(*tiles(*size), (COMPRESSION, SHORT, compression), order=order, big=big)
    assert len(content) < 300
    assert f"tiles of {size[0]} x {size[1]} pixels" in refusal(tmp_path, content)


def test_what_pillow_and_libtiff_read_differently_is_refused(tmp_path: Path) -> None:
    assert "big-endian" in refusal(tmp_path, tiff(order=">", big=True))


def test_sizes_of_other_types_count_too(tmp_path: Path) -> None:
    assert "tiles of" in refusal(tmp_path, tiff(*tiles(65520, kind=SHORT)))
    assert "tiles of" in refusal(tmp_path, tiff(*tiles(65520, kind=LONG8), big=True))


@pytest.mark.parametrize("tag", [WIDTH, LENGTH, BITS, SAMPLES, TILE_WIDTH, TILE_LENGTH])
@pytest.mark.parametrize("first", [True, False])
def test_a_tiff_that_says_a_size_twice_is_refused(tmp_path: Path, tag: int, first: bool) -> None:
    # Pillow takes the last, libtiff the first
    values = (64, 60000) if first else (60000, 64)
    others = [each for each in tiles(64) if each[0] != tag]
    content = tiff(*others, *((tag, LONG, value) for value in values))
    assert "twice" in refusal(tmp_path, content)


@pytest.mark.parametrize("side", [16, 256, 1024, 4096])
def test_tiles_of_the_usual_sizes_are_read(tmp_path: Path, side: int) -> None:
    path = tmp_path / "tiled.tif"
    Image.fromarray(NOISE).save(path, compression="tiff_lzw", tiffinfo={TILE_WIDTH: side, TILE_LENGTH: side})
    assert side * side <= LARGEST_TILE
    assert np.array_equal(load_image(path).pixels, NOISE)


def test_a_large_picture_in_one_tile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tiled.tif"
    Image.new("L", (4999, 5001), 7).save(path, compression="tiff_lzw", tiffinfo={TILE_WIDTH: 5008, TILE_LENGTH: 5008})
    pixels = load_image(path).pixels
    assert pixels.shape == (5001, 4999, 3)
    assert (pixels == 7).all()


SILENT = """
import sys
from pathlib import Path
from reportgen.errors import ImageError
from reportgen.image import load_image
for path in sys.argv[1:]:
    try:
        load_image(Path(path))
    except ImageError:
        pass
print("heard", file=sys.stderr)
"""


def test_libtiff_says_nothing(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "whole.tif", compression="tiff_lzw")
    Image.fromarray(NOISE).save(tmp_path / "deflate.tif", compression="tiff_deflate")
    whole = [(tmp_path / name).read_bytes() for name in ("whole.tif", "deflate.tif")]
    random = np.random.default_rng(0)
    files = [tiff(*tiles(64)), tiff(*tiles(4096)), tiff((COMPRESSION, SHORT, 7)), tiff((OFFSETS, LONG, 2**31))]
    for content in whole:
        for _ in range(30):
            damaged = bytearray(content)
            for place in random.integers(8, len(content), 4):
                damaged[place] = random.integers(256)
            files.append(bytes(damaged))
    for place, content in enumerate(files):
        (tmp_path / f"{place}.tif").write_bytes(content)
    paths = [str(tmp_path / f"{place}.tif") for place in range(len(files))]
    result = subprocess.run([sys.executable, "-c", SILENT, *paths], capture_output=True, text=True, check=True)
    assert result.stderr == "heard\n"


# BMP


@pytest.mark.parametrize("method", [1, 2])
@pytest.mark.parametrize("size", [(50_000_000, 2), (1, 50_000_000), (9_000, 9_000)])
def test_a_small_bmp_of_many_empty_rows_is_refused(tmp_path: Path, size: tuple[int, int], method: int) -> None:
    content = bmp(*size, method, bytes((1, 0, 0, 0)) * 2)
    assert len(content) < 100
    assert "a run-length-encoded BMP" in refusal(tmp_path, content)


def bmp(width: int, height: int, method: int, data: bytes) -> bytes:
    """A BMP of run lengths and two colours."""
    bits = {1: 8, 2: 4}[method]
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, method, len(data), 0, 0, 2, 2)
    return b"BM" + struct.pack("<IHHI", 62 + len(data), 0, 0, 62) + header + b"\0\0\0\0\xff\xff\xff\0" + data


def test_a_bmp_of_run_lengths_is_read(tmp_path: Path) -> None:
    pixels = loaded(tmp_path, bmp(4, 2, 1, bytes((3, 1, 1, 0, 0, 0, 4, 0, 0, 1))))
    assert pixels[:, :, 0].tolist() == [[0, 0, 0, 0], [255, 255, 255, 0]]
