"""Reads TIFFs with several bands, several pages or floats as arrays: the files of satellites, microscopes and sensors.

Pillow reads at most four bands of a page. But libtiff, through Pillow, decompresses the bytes of any page: each page is passed
to it as a grey image whose pixels are the bytes of the page's numbers, in a TIFF built here that has nothing else of the file.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import ImageError
from ..formatting import counted
from ..image import GivenImage, as_stored, load_image
from ..image_bounds import TIFF_MARKS, pillow_silent
from ..quiet import without_native_log
from .numpy_files import MOST_VALUES
from .tiff_pages import Page, pages_of

MOST_PAGES = 1000
COMPRESSIONS = {1: "none", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "Zstandard", 34925: "LZMA"}
TYPES = {
    (1, 8): "u1", (1, 16): "u2", (1, 32): "u4", (2, 8): "i1", (2, 16): "i2", (2, 32): "i4", (3, 16): "f2", (3, 32): "f4",
    (3, 64): "f8",
}  # fmt: skip
ROW_BYTES, PAGE_BYTES = 2**31, 500_000_000


@dataclass(frozen=True, kw_only=True)
class Bands:
    """The numbers in a file, (h, w, bands of all pages), and whether Pillow can also read it as an image."""

    values: np.ndarray
    digest: str
    notes: tuple[str, ...]
    viewable: bool

    def picture(self, path: Path) -> GivenImage | None:
        """Return the image that other programs show of the file: the first of several pages; floats scaled by their range."""
        return load_image(path) if self.viewable else None


def load_bands(path: Path) -> Bands | None:
    """Return the numbers in a TIFF that is more than an ordinary image; None for an ordinary image and for other files.

    Raises `ImageError` for a TIFF of numbers that cannot be read.
    """
    try:
        with path.open("rb") as file:
            if not file.read(4).startswith(TIFF_MARKS):
                return None
            pages = pages_of(file, MOST_PAGES)
            if pages is None or not _is_more_than_a_picture(pages):
                return None
            shown = [page for page in pages if not page.reduced]
            viewable = not pages[0].unviewable
            try:
                _check(shown, path)
                values = _stacked(shown, file, path)
            except ImageError:
                if viewable:  # read it as the ordinary image that other programs show
                    return None
                raise
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions.") from error
    note = f"The {len(shown)} pages of the file are the channels." if len(shown) > 1 else ""
    return Bands(values=values, digest=digest, notes=(note,) if note else (), viewable=viewable)


def _is_more_than_a_picture(pages: tuple[Page, ...]) -> bool:
    shown = [page for page in pages if not page.reduced]
    if not shown:
        return False
    alike = all(page.layout == shown[0].layout for page in shown)
    return shown[0].unviewable or shown[0].kind == 3 or (len(shown) > 1 and alike)


def _check(pages: list[Page], path: Path) -> None:
    """Raise `ImageError` unless the pages can be read as numbers."""
    first = pages[0]
    if not all(page.layout == first.layout for page in pages):
        raise ImageError(f"{path}: its {len(pages)} pages differ in size or type; expected pages of one size and type.")
    for page in pages:
        if (page.kind, page.bits) not in TYPES:
            raise ImageError(f"{path}: a TIFF with {page.bits} bits and sample format {page.kind}, which is not supported.")
        if page.compression not in COMPRESSIONS or page.predictor not in (1, 2, 3) or page.fill_order != 1:
            known = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
            raise ImageError(
                f"{path}: a TIFF of {counted(page.samples, 'band')} with compression {page.compression}; expected {known}."
            )
        if min(page.width, page.height, page.samples, *page.block) < 1:
            raise ImageError(f"{path}: the image is damaged or truncated (a size of 0).")
        padded_row = -(-page.width // page.block[1]) * page.block[1] * page.samples * page.bits // 8
        padded = padded_row * -(-page.height // page.block[0]) * page.block[0]
        if padded_row >= ROW_BYTES or padded > PAGE_BYTES:
            blocks = f"{page.block[1]} x {page.block[0]} pixels"
            raise ImageError(f"{path}: a TIFF in blocks of {blocks}; at most {PAGE_BYTES:,} bytes of a page are read.")
    values = sum(page.width * page.height * page.samples for page in pages)
    if values > MOST_VALUES:
        raise ImageError(f"{path}: {values:,} values; at most {MOST_VALUES:,} are read. Make it smaller.")


def _stacked(pages: list[Page], file: Any, path: Path) -> np.ndarray:
    first = pages[0]
    whole = np.empty((first.height, first.width, first.samples * len(pages)), np.dtype(TYPES[first.kind, first.bits]))
    for place, page in enumerate(pages):
        try:
            whole[:, :, place * first.samples : (place + 1) * first.samples] = _numbers(page, file)
        except Exception as error:  # Pillow's decoders raise all kinds of exceptions on damaged files
            raise ImageError(f"{path}: the image is damaged or truncated ({error}).") from error
    if first.orientation == 1:
        return whole
    upright = np.empty_like(whole if first.orientation < 5 else whole.swapaxes(0, 1), order="C")
    as_stored(upright, first.orientation)[...] = whole
    return upright


def _numbers(page: Page, file: Any) -> np.ndarray:
    """Return the numbers of a page, (h, w, bands)."""
    if not page.planar or page.samples == 1:
        return _plane(page, file, page.offsets, page.counts, page.samples)
    each = len(page.offsets) // page.samples
    parts = [slice(place * each, (place + 1) * each) for place in range(page.samples)]
    return np.dstack([_plane(page, file, page.offsets[part], page.counts[part], 1) for part in parts])


def _plane(page: Page, file: Any, offsets: tuple[int, ...], counts: tuple[int, ...], samples: int) -> np.ndarray:
    """Return the numbers (h, w, samples) in the given strips or tiles."""
    down, across = page.block
    rows, columns = -(-page.height // down), -(-page.width // across)
    if len(offsets) < rows * columns or len(counts) < rows * columns:
        raise ValueError("a strip is missing")
    size = samples * page.bits // 8
    height = rows * down if page.tiled else page.height
    packed = _grey_tiff(page, file, offsets, counts, (columns * across * size, height))
    with pillow_silent(), without_native_log(), Image.open(packed, formats=("TIFF",)) as image:
        content = np.array(image).reshape(height, columns, across * size)
    kind = np.dtype(TYPES[page.kind, page.bits])
    values = _unpredicted(content, page, samples, kind)
    return values.reshape(height, columns * across, samples)[: page.height, : page.width]


def _unpredicted(content: np.ndarray, page: Page, samples: int, kind: np.dtype[Any]) -> np.ndarray:
    """Undo the predictor: bytes (h, blocks across, bytes per row of a block) to numbers (h, blocks across, values per row)."""
    size = kind.itemsize
    height, columns, length = content.shape
    if page.predictor == 3:  # differences of bytes, the most significant bytes of all values first
        summed = content.reshape(height, columns, -1, samples).cumsum(axis=2, dtype=np.uint8)
        significant_first = np.ascontiguousarray(summed.reshape(height, columns, size, length // size).swapaxes(2, 3))
        return significant_first.view(kind.newbyteorder(">"))[..., 0]
    if page.predictor == 2:  # differences of integers, whatever type the bits have
        whole = content.view(np.dtype(f"{page.order}u{size}")).reshape(height, columns, -1, samples)
        summed = whole.cumsum(axis=2, dtype=np.dtype(f"u{size}")).reshape(height, columns, -1)
        return summed.view(kind)
    return content.view(np.dtype(f"{page.order}{kind.str[1:]}"))


def _grey_tiff(page: Page, file: Any, offsets: tuple[int, ...], counts: tuple[int, ...], size: tuple[int, int]) -> io.BytesIO:
    """Build a little-endian TIFF of a grey image of `size` (w, h), whose pixels are the bytes in the given strips or tiles."""
    packed, places = io.BytesIO(b"II*\0\0\0\0\0"), []
    packed.seek(8)
    for offset, count in zip(offsets, counts, strict=False):
        file.seek(offset)
        content = file.read(count)
        if len(content) < count:
            raise ValueError("a strip is missing")
        places.append(packed.tell())
        packed.write(content)
    blocks = len(places)
    lists = packed.tell() + packed.tell() % 2
    packed.seek(lists)
    packed.write(struct.pack(f"<{2 * blocks}I", *places, *counts[:blocks]))
    at, lengths = (lists, lists + 4 * blocks) if blocks > 1 else (places[0], counts[0])
    across = size[0] // -(-page.width // page.block[1])
    tags = [(256, size[0], 1), (257, size[1], 1), (258, 8, 1), (259, page.compression, 1), (262, 1, 1), (277, 1, 1)]
    if page.tiled:
        tags += [(322, across, 1), (323, page.block[0], 1), (324, at, blocks), (325, lengths, blocks)]
    else:
        tags += [(273, at, blocks), (278, page.block[0], 1), (279, lengths, blocks)]
    directory = packed.tell()
    packed.write(struct.pack("<H", len(tags)))
    for tag, value, count in sorted(tags):
        packed.write(struct.pack("<HHII", tag, 4, count, value))
    packed.write(struct.pack("<I", 0))
    packed.seek(4)
    packed.write(struct.pack("<I", directory))
    packed.seek(0)
    return packed
