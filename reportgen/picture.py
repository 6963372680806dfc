"""`Picture`: pixels with the values they stand for, to and from PNG; and `Grid`: maps laid out in one picture."""

from __future__ import annotations

import colorsys
import io
import math
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from .errors import ReportFileError
from .palettes import in_palette
from .records import record
from .tensors import figure

RGB = "rgb"
GREY = "gray"
CLASSES = "classes"  # a colour for each class index; the last stands for none
NO_CLASS = 255
DIVERGING = "RdBu_r"  # blue below the middle, red above it
GAP = 1  # pixels between the tiles of a grid
LARGEST_PICTURE = 100_000_000  # pixels; a report that claims more is refused before memory is taken


@record
class Picture:
    """Pixels and what they mean.

    `values` is uint8: (h, w) places in a colormap, or (h, w, 3) colours where `colormap` is "rgb". 0 stands for the
    value `low`, 255 for `high`, the others lie evenly between.
    """

    values: np.ndarray
    low: float
    high: float
    colormap: str

    def numbers(self) -> np.ndarray:
        """The values that the pixels stand for, float64, each right to half a step of (high - low) / 255."""
        with np.errstate(invalid="ignore", over="ignore"):
            numbers: np.ndarray = self.low + self.values * ((np.float64(self.high) - self.low) / 255)
        return numbers

    def size_in_page(self) -> int:
        """The bytes that the picture takes in a page: its PNG as base64."""
        return 4 * math.ceil(len(to_png(self)) / 3)


class Part(NamedTuple):
    """A part of a picture, as shares of its height and width."""

    top: float
    left: float
    height: float
    width: float


WHOLE = Part(0.0, 0.0, 1.0, 1.0)


def quantize(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """`values` as uint8, `low` to 0 and `high` to 255, rounded to the nearest step; nan becomes 0.

    Where all values are equal, so that `low` is `high`, everything is 0: there is nothing to tell apart.
    """
    low, high = low * 0.5, high * 0.5  # because high - low overflows for the largest floats
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values * 0.5 - low) * (255 / (high - low))
    return np.nan_to_num(np.rint(scaled), nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def striped(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`pixels` (n, h, w) or (n, h, w, 3), with stripes of 0 and 255 where `values`, of the same shape, are nan or infinite.

    Drawn in any one colour, a broken map would be taken for an even one.
    """
    broken = ~np.isfinite(values)
    if not broken.any():
        return pixels
    rows, columns = np.indices(pixels.shape[1:3], np.uint16)
    stripes: np.ndarray = np.asarray((rows + columns) // 2 % 2 * 255, np.uint8)
    return np.where(broken, stripes if pixels.ndim == 3 else stripes[..., None], pixels)


def finite_range(values: np.ndarray) -> tuple[float, float]:
    """The least and greatest finite value; (0, 0) where there is none."""
    if values.size == 0:
        return 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def scaled_picture(values: np.ndarray, colormap: str) -> Picture:
    """A picture of `values` (h, w) or (h, w, 3), scaled by their own least and greatest finite value."""
    low, high = finite_range(values)
    return Picture(quantize(values, low, high), low, high, colormap)


def reduced(values: np.ndarray, factor: int) -> np.ndarray:
    """(h, w, channels) as means over squares of `factor` x `factor`, (ceil(h / factor), ceil(w / factor), channels)."""
    for axis in (0, 1):
        length = values.shape[axis]
        step = max(1, min(factor, length))  # a damaged report may ask for any factor
        starts = np.arange(0, length, step)
        counts = np.minimum(step, length - starts).reshape([-1 if each == axis else 1 for each in range(3)])
        values = np.add.reduceat(values, starts, axis=axis) / counts.astype(np.float32)
    return values


@dataclass(frozen=True)
class Grid:
    """Tiles (n, h, w) or (n, h, w, 3), uint8, row by row in `columns`, with `GAP` pixels between them."""

    tiles: np.ndarray
    columns: int

    @classmethod
    def of(cls, tiles: np.ndarray) -> Grid:
        """The tiles in as many columns as `columns_for` gives."""
        return cls(tiles, columns_for(len(tiles)))

    @classmethod
    def cut(cls, pixels: np.ndarray, columns: int, count: int) -> Grid:
        """The grid of `count` tiles whose `pixels()` (H, W) these are; raises `ReportFileError` for pixels of no such grid."""
        rows = -(-count // columns) if columns > 0 else 0
        height, width = ((size + GAP) // max(1, parts) for size, parts in zip(pixels.shape[:2], (rows, columns), strict=True))
        if rows < 1 or min(height, width) <= GAP or (rows * height - GAP, columns * width - GAP) != pixels.shape:
            raise ReportFileError(
                f"the report's data are not as expected: {count} maps in {columns} columns of a picture {pixels.shape}."
            )
        cells = np.zeros((rows * height, columns * width), pixels.dtype)
        cells[: pixels.shape[0], : pixels.shape[1]] = pixels
        tiles = cells.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)
        return cls(tiles[:count, :-GAP, :-GAP], columns)

    def pixels(self, background: int = 0) -> np.ndarray:
        """The grid as one image; gaps and places without a tile are `background`.

        64 tiles of (56, 56) in 8 columns give (455, 455).
        """
        count, height, width, *colour = self.tiles.shape
        rows = -(-count // self.columns)
        cells = np.full((rows * self.columns, height + GAP, width + GAP, *colour), background, np.uint8)
        cells[:count, :height, :width] = self.tiles
        grid = cells.reshape(rows, self.columns, height + GAP, width + GAP, *colour).swapaxes(1, 2)
        grid = grid.reshape(rows * (height + GAP), self.columns * (width + GAP), *colour)
        return np.ascontiguousarray(grid[:-GAP, :-GAP])

    def picture(self, low: float, high: float, colormap: str) -> Picture:
        """The grid as a picture."""
        return Picture(self.pixels(), low, high, colormap)


def columns_for(count: int) -> int:
    """How many columns make a grid of `count` tiles nearly square and, where possible, without a gap at its end.

    64 tiles are 8 x 8, 32 are 8 x 4, 37 are 7 x 6 with five places empty.
    """
    square = max(1, math.ceil(math.sqrt(count)))
    full = (columns for columns in range(square, math.ceil(square * 1.5) + 1) if count % columns == 0)
    return next(full, square)


def columns_across(count: int) -> int:
    """How many columns make a grid of `count` tiles that is as wide as a page and low: 16 at most, of few places empty.

    64 tiles are 16 x 4, 37 are 13 x 3 with two places empty, 12 are a single row.
    """
    if count <= 16:
        return max(1, count)
    return min(range(16, 11, -1), key=lambda columns: (-(-count // columns) * columns - count, -columns))


def difference_picture(
    old: np.ndarray, new: np.ndarray, draw: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels
) -> Picture:
    """new - old, (n, h, w) or (h, w), on a scale from minus to plus the greatest change: blue is less, red is more.

    Values (n, h, w, 3) are drawn as colours, where grey is no change. `draw` makes one image of the quantized values.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        difference = new - old
    most = figure(np.float32(max(map(abs, finite_range(difference)))))
    return Picture(draw(quantize(difference, -most, most)), -most, most, RGB if difference.ndim == 4 else DIVERGING)


def colormap_names() -> tuple[str, ...]:
    """Every colormap that matplotlib knows by name."""
    from matplotlib import colormaps

    return tuple(colormaps)


@cache
def is_colormap(name: str) -> bool:
    """Whether `palette` knows the colours of this one."""
    if name in (GREY, "viridis", CLASSES):  # most are; matplotlib takes a while to ask
        return True
    from matplotlib import colormaps

    return name in colormaps


@cache
def palette(colormap: str) -> bytes:
    """The 256 colours of a matplotlib colormap, or those of classes, as 768 bytes."""
    if colormap == CLASSES:
        return class_colours()
    from matplotlib import colormaps

    # 256 whatever a `matplotlibrc` of the user's says of the length of colormaps
    colours = colormaps[colormap].resampled(256)(np.arange(256), bytes=True)
    return bytes(np.ascontiguousarray(colours[:, :3]))


def class_colours() -> bytes:
    """255 colours that neighbours in the list tell apart, and grey for none: hues by the golden ratio, in three strengths."""
    strengths = ((0.80, 0.92), (0.95, 0.62), (0.45, 0.98))
    hues = ((place * 0.6180339887 + 0.58) % 1 for place in range(NO_CLASS))
    colours = [colorsys.hsv_to_rgb(hue, *strengths[place // 3 % 3]) for place, hue in enumerate(hues)]
    return bytes(round(255 * part) for colour in (*colours, (0.5, 0.5, 0.5)) for part in colour)


def to_png(picture: Picture) -> bytes:
    """The picture as PNG: a palette image whose indices are `values` exactly; of colours the pixels exactly."""
    if picture.colormap == RGB and (png := in_palette(picture.values)) is not None:
        return png
    buffer = io.BytesIO()
    # of zlib's strategies, run lengths make the smallest files of maps, in a third of the time
    Image.fromarray(picture.values).save(buffer, "PNG", compress_level=9, compress_type=zlib.Z_RLE)
    return buffer.getvalue() if picture.colormap == RGB else _with_palette(buffer.getvalue(), palette(picture.colormap))


def with_opacity(png: bytes, shares: np.ndarray) -> bytes:
    """A palette PNG that `to_png` made, each of whose 256 colours covers what lies below by a share (256,) 0..1."""
    palette_end = 8 + 12 + 13 + 12 + 3 * 256  # signature, and the chunks IHDR and PLTE
    return png[:palette_end] + _chunk(b"tRNS", np.rint(255 * shares).astype(np.uint8).tobytes()) + png[palette_end:]


def _with_palette(grey: bytes, colours: bytes) -> bytes:
    """A grey PNG's very pixels as palette indices.

    Pillow writes palette images without PNG's row filters, which makes maps a seventh larger than the same as grey.
    """
    header_end = 8 + 12 + 13  # signature, and the chunk IHDR: length, name, 13 bytes, checksum
    header = bytearray(grey[16 : header_end - 4])
    header[9] = 3  # the colour type: palette
    return grey[:8] + _chunk(b"IHDR", bytes(header)) + _chunk(b"PLTE", colours) + grey[header_end:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def values_from_png(png: bytes, rgb: bool) -> np.ndarray:
    """The `values` that `to_png` wrote, (h, w) or, with `rgb`, (h, w, 3); raises `ReportFileError` for any other PNG."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; the limit is ours
            with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
                if image.mode not in (("RGB", "P") if rgb else ("P",)) or image.width * image.height > LARGEST_PICTURE:
                    raise ReportFileError(f"a picture in the report is {image.mode} {image.size}, not one of ours.")
                return np.array(image.convert("RGB") if rgb else image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ReportFileError("a picture in the report is damaged.") from error
