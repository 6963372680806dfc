"""Checks image files before they are decoded: a small file can take hours, or all memory, to decode."""

from __future__ import annotations

import io
import logging
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from .errors import ImageError

STANDARD_INPUT = "standard input"  # the name of an image that came from there
MOST_SCANS = 100  # of a JPEG: a decoder passes over the whole image for each; cameras and optimizers write up to about 20
MOST_SEGMENTS = 20_000  # of a JPEG; 100 MB of metadata take 1,600
WINDOW = 65_536  # bytes of a JPEG searched at a time
# a marker followed by a length: neither a restart (or 01), which has none, nor FF 00, which stands for a byte of image data
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = 0xD8, 0xD9, 0xDA

LARGEST_TILE = 4096 * 4096  # pixels, in a TIFF smaller than that: a decoder allocates a whole tile
# the first bytes of the TIFFs that Pillow would read
TIFF_MARKS = (b"II\x2a\x00", b"II\x00\x2a", b"II\x2b\x00", b"MM\x00\x2a", b"MM\x2a\x00", b"MM\x00\x2b")
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}  # TIFF's types and their `struct` formats
WIDTH, LENGTH, BITS, SAMPLES, ROWS, TILE_WIDTH, TILE_LENGTH = 256, 257, 258, 277, 278, 322, 323
SIZES = {WIDTH, LENGTH, BITS, SAMPLES, ROWS, TILE_WIDTH, TILE_LENGTH}

LARGEST_RUNS = 10_000_000  # pixels, of a run-length-encoded BMP: Pillow fills skipped pixels one by one
ADDRESS = re.compile("(https?|ftp|s3|gs):/+", re.IGNORECASE)
PILLOW_SETTINGS = threading.Lock()


def check_no_address(path: Path) -> None:
    """Raise `ImageError` if `path` is a web address, which has lost a slash as a path."""
    match = ADDRESS.match(str(path))
    if match:
        address = f"{match[1]}://{str(path)[match.end() :]}"
        raise ImageError(f"{address}: expected a file, not a web address; download the image and name the file.")


@contextmanager
def pillow_silent() -> Iterator[None]:
    """Turn off Pillow's pixel limit, since ours applies, and its warnings and log, which are about unused metadata."""
    log = logging.getLogger("PIL")
    with PILLOW_SETTINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        level = log.level
        log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            log.setLevel(level)
            Image.MAX_IMAGE_PIXELS = limit


def check_bounds(file: io.BufferedReader, path: Path) -> None:
    """Raise `ImageError` for a JPEG with too many scans, a TIFF with too large tiles, or a too large run-length-encoded BMP.

    `file` may be at any position, and is at its beginning afterwards.
    """
    file.seek(0)
    start = file.read(54)
    if start.startswith(b"\xff\xd8\xff"):
        file.seek(2)
        _check_jpeg(file, path)
    elif start.startswith(TIFF_MARKS):
        file.seek(4)
        _check_tiff(file, path, start[:4])
    elif start.startswith(b"BM") and len(start) == 54:
        _check_bmp(start, path)
    file.seek(0)


def _check_jpeg(file: io.BufferedReader, path: Path) -> None:
    scans = 0
    for count, code in enumerate(_segments(file)):
        scans += code == START_OF_SCAN
        if scans > MOST_SCANS:
            raise ImageError(f"{path}: a JPEG with more than {MOST_SCANS} scans; expected up to 20. Save it again.")
        if count > MOST_SEGMENTS:
            raise ImageError(f"{path}: a JPEG with more than {MOST_SEGMENTS:,} segments; expected up to 100. Save it again.")


def _segments(file: io.BufferedReader) -> Iterator[int]:
    """Yield the markers of a JPEG's segments in the order in which a decoder meets them, skipping what lies between."""
    window, place = file.read(WINDOW), 0
    while window:
        match = MARKER.search(window, place)
        if match is None or match.end() + 2 > len(window):
            more = file.read(WINDOW)
            if not more:
                return
            window, place = window[match.start() if match else -1 :] + more, 0  # a marker may straddle two windows
            continue
        code, length = match[1][0], int.from_bytes(window[match.end() : match.end() + 2])
        if code in (START_OF_IMAGE, END_OF_IMAGE) or length < 2:
            return
        yield code
        place = match.end() + length
        if place > len(window):
            file.seek(place - len(window), io.SEEK_CUR)
            window, place = file.read(WINDOW), 0


def _check_tiff(file: io.BufferedReader, path: Path, mark: bytes) -> None:
    if mark == b"MM\x00\x2b":  # Pillow and libtiff read different images from it
        raise ImageError(f"{path}: a big-endian BigTIFF, which is not supported. Save it in another format.")
    sizes: dict[int, int] = {}
    for tag, value in _tiff_sizes(file, "<" if mark.startswith(b"II") else ">", mark == b"II\x2b\x00"):
        if tag in sizes:  # Pillow takes the last, libtiff the first
            raise ImageError(f"{path}: a TIFF that gives one of its sizes twice (tag {tag}). Save it again.")
        sizes[tag] = value
    width, length = sizes.get(TILE_WIDTH, 0), sizes.get(TILE_LENGTH, 0)
    # tile sizes are multiples of 16: an image in a single tile is a little smaller than the tile
    whole = sizes.get(WIDTH, 0) * sizes.get(LENGTH, 0) * 5 // 4
    if width * length > max(LARGEST_TILE, whole):
        raise ImageError(f"{path}: a TIFF with tiles of {width} x {length} pixels, larger than the image. Save it again.")


def _tiff_sizes(file: io.BufferedReader, order: str, big: bool) -> Iterator[tuple[int, int]]:
    """Yield the first image's tags that give sizes, with their values; `file` is positioned after the first bytes."""
    head, count, row = (struct.Struct(order + form) for form in (("HHQ", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")))
    try:
        file.seek(head.unpack(file.read(head.size))[-1])
        for _ in range(count.unpack(file.read(count.size))[0]):
            tag, kind, number, value = row.unpack(file.read(row.size))
            if tag in SIZES and kind in INTEGERS:
                yield tag, struct.unpack_from(order + INTEGERS[kind], value)[0] if number == 1 else 0
    except (struct.error, OSError, OverflowError):
        return  # truncated: the decoder reports it


def _check_bmp(start: bytes, path: Path) -> None:
    width, height, method = struct.unpack_from("<ii4xI", start, 18)
    # a run can skip up to 255 rows
    if method in (1, 2) and abs(width) * max(255, abs(height)) > LARGEST_RUNS:
        raise ImageError(f"{path}: a run-length-encoded BMP of {abs(width)} x {abs(height)} pixels. Save it without compression.")
