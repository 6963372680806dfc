"""`Picture`: pixels with the values they represent, to and from PNG; and `Grid`: maps laid out in one picture."""

from __future__ import annotations

import colorsys
import io
import math
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from .colormaps import TABLES
from .errors import ReportFileError
from .palettes import in_palette
from .pngs import map_png, with_opacities
from .records import record
from .tensors import figure

RGB = "rgb"
GREY = "gray"
CLASSES = "classes"  # a colour for each class index; the last means no class
NO_CLASS = 255
DIVERGING = "RdBu_r"  # blue below the middle, red above it
GAP = 1  # pixels between the tiles of a grid
LARGEST_PICTURE = 100_000_000  # pixels; a report that claims more is rejected before memory is allocated


@record
class Picture:
    """Pixels and what they mean.

    `values` is uint8: (h, w) indices into a colormap, or (h, w, 3) colours if `colormap` is "rgb". 0 represents the value `low`
    and 255 `high`, with even steps between them.
    """

    values: np.ndarray
    low: float
    high: float
    colormap: str

    def numbers(self) -> np.ndarray:
        """Return the values that the pixels represent, float64, each accurate to half a step of (high - low) / 255."""
        with np.errstate(invalid="ignore", over="ignore"):
            numbers: np.ndarray = self.low + self.values * ((np.float64(self.high) - self.low) / 255)
        return numbers

    def size_in_page(self) -> int:
        """Return the picture's size in a page in bytes: its PNG as base64."""
        return 4 * math.ceil(len(to_png(self)) / 3)


class Part(NamedTuple):
    """A part of a picture, as shares of its height and width."""

    top: float
    left: float
    height: float
    width: float


WHOLE = Part(0.0, 0.0, 1.0, 1.0)


def quantize(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `values` to uint8, `low` to 0 and `high` to 255, rounded to the nearest step; nan becomes 0.

    If `low` equals `high` because all values are equal, everything becomes 0.
    """
    low, high = low * 0.5, high * 0.5  # high - low overflows for the largest floats
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    with np.errstate(invalid="ignore", over="ignore"):
        return as_bytes((values * 0.5 - low) * (255 / (high - low)))


def as_bytes(scaled: np.ndarray) -> np.ndarray:
    """Return floats as the nearest uint8 within 0 to 255; nan becomes 0. The array is overwritten."""
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 255, out=scaled)
    if scaled.size and math.isnan(scaled.max()):
        scaled[np.isnan(scaled)] = 0
    return scaled.astype(np.uint8)


def striped(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return `pixels` (n, h, w) or (n, h, w, 3) with stripes of 0 and 255 where `values`, of the same shape, are nan or infinite.

    Drawn in a single colour, a broken map would be mistaken for a constant one.
    """
    if values.size == 0 or (math.isfinite(values.min()) and math.isfinite(values.max())):
        return pixels
    broken = ~np.isfinite(values)
    rows, columns = np.indices(pixels.shape[1:3], np.uint16)
    stripes: np.ndarray = np.asarray((rows + columns) // 2 % 2 * 255, np.uint8)
    return np.where(broken, stripes if pixels.ndim == 3 else stripes[..., None], pixels)


def finite_range(values: np.ndarray) -> tuple[float, float]:
    """Return the min and max of the finite values; (0, 0) if there are none."""
    if values.size == 0:
        return 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def scaled_picture(values: np.ndarray, colormap: str) -> Picture:
    """Return a picture of `values` (h, w) or (h, w, 3), scaled from the min to the max of their finite values."""
    low, high = finite_range(values)
    return Picture(quantize(values, low, high), low, high, colormap)


def reduced(values: np.ndarray, factor: int) -> np.ndarray:
    """Average (h, w, channels) over squares of `factor` x `factor`, to (ceil(h / factor), ceil(w / factor), channels)."""
    for axis in (0, 1):
        length = values.shape[axis]
        step = max(1, min(factor, length))  # a damaged report may ask for any factor
        if step == 1:
            continue
        along = np.moveaxis(values, axis, 0)
        sums = along[::step].astype(np.result_type(values, np.float32))
        for place in range(1, step):  # `np.add.reduceat` takes five times as long
            part = along[place::step]
            sums[: len(part)] += part
        counts = np.minimum(step, length - np.arange(0, length, step)).astype(np.float32)
        values = np.moveaxis(sums / counts[:, None, None], 0, axis)
    return values


@dataclass(frozen=True)
class Grid:
    """Tiles (n, h, w) or (n, h, w, 3), uint8, laid out row by row in `columns` columns, with `GAP` pixels between them."""

    tiles: np.ndarray
    columns: int

    @classmethod
    def of(cls, tiles: np.ndarray) -> Grid:
        """Return a grid of the tiles with the number of columns that `columns_for` gives."""
        return cls(tiles, columns_for(len(tiles)))

    @classmethod
    def cut(cls, pixels: np.ndarray, columns: int, count: int) -> Grid:
        """Cut the `pixels()` (H, W) of a grid back into its `count` tiles; raises `ReportFileError` if the sizes do not match."""
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
        """Return the grid as one array of pixels; gaps and empty places are `background`.

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
        """Return the grid as a picture."""
        return Picture(self.pixels(), low, high, colormap)


def columns_for(count: int) -> int:
    """Return the number of columns that makes a grid of `count` tiles nearly square, with a full last row where possible.

    64 tiles are 8 x 8, 32 are 8 x 4, 37 are 7 x 6 with five places empty.
    """
    square = max(1, math.ceil(math.sqrt(count)))
    full = (columns for columns in range(square, math.ceil(square * 1.5) + 1) if count % columns == 0)
    return next(full, square)


def columns_across(count: int) -> int:
    """Return the number of columns, at most 16, that makes a grid of `count` tiles as wide as a page, with few empty places.

    64 tiles are 16 x 4, 37 are 13 x 3 with two places empty, 12 are a single row.
    """
    if count <= 16:
        return max(1, count)
    return min(range(16, 11, -1), key=lambda columns: (-(-count // columns) * columns - count, -columns))


def difference_picture(
    old: np.ndarray, new: np.ndarray, draw: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels
) -> Picture:
    """Draw new - old, (n, h, w) or (h, w), on a scale from minus to plus the largest change: blue is less, red is more.

    Values (n, h, w, 3) are drawn as colours, where grey means no change. `draw` lays out the quantized values as one picture.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        difference = new - old
    most = figure(np.float32(max(map(abs, finite_range(difference)))))
    return Picture(draw(quantize(difference, -most, most)), -most, most, RGB if difference.ndim == 4 else DIVERGING)


def colormap_names() -> tuple[str, ...]:
    """Return the names of all of matplotlib's colormaps."""
    from matplotlib import colormaps

    return tuple(colormaps)


@cache
def is_colormap(name: str) -> bool:
    """Return whether `palette` knows the colormap `name`."""
    if name in TABLES or name == CLASSES:
        return True
    from matplotlib import colormaps

    return name in colormaps


@cache
def palette(colormap: str) -> bytes:
    """Return the 256 colours of a matplotlib colormap, or those of classes, as 768 bytes."""
    if colormap == CLASSES:
        return class_colours()
    if colormap in TABLES:
        return TABLES[colormap]
    from matplotlib import colormaps

    # resampled to 256 colours: the user's `matplotlibrc` may set another length
    colours = colormaps[colormap].resampled(256)(np.arange(256), bytes=True)
    return bytes(np.ascontiguousarray(colours[:, :3]))


def class_colours() -> bytes:
    """Return 255 class colours, adjacent ones distinct, and grey for none: hues by the golden ratio, in three strengths."""
    strengths = ((0.80, 0.92), (0.95, 0.62), (0.45, 0.98))
    hues = ((place * 0.6180339887 + 0.58) % 1 for place in range(NO_CLASS))
    colours = [colorsys.hsv_to_rgb(hue, *strengths[place // 3 % 3]) for place, hue in enumerate(hues)]
    return bytes(round(255 * part) for colour in (*colours, (0.5, 0.5, 0.5)) for part in colour)


def to_png(picture: Picture) -> bytes:
    """Return the picture as a lossless PNG: a palette image whose indices are `values`, or the exact colours."""
    if picture.colormap == RGB and (png := in_palette(picture.values)) is not None:
        return png
    if picture.colormap != RGB:
        return map_png(picture.values, palette(picture.colormap))
    buffer = io.BytesIO()
    # of zlib's strategies, run lengths give the smallest files for maps, in a third of the time
    Image.fromarray(picture.values).save(buffer, "PNG", compress_level=9, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def with_opacity(png: bytes, shares: np.ndarray) -> bytes:
    """Return a palette PNG made by `to_png` with an opacity for each of its 256 colours; `shares` (256,) are 0..1."""
    return with_opacities(png, np.rint(255 * shares).astype(np.uint8).tobytes())


def values_from_png(png: bytes, rgb: bool) -> np.ndarray:
    """Return the `values` written by `to_png`, (h, w) or, with `rgb`, (h, w, 3); raises `ReportFileError` for any other PNG."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large images; our own limit applies
            with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
                if image.mode not in (("RGB", "P") if rgb else ("P",)) or image.width * image.height > LARGEST_PICTURE:
                    raise ReportFileError(f"a picture in the report is {image.mode} {image.size}; reportgen did not write it.")
                return np.array(image.convert("RGB") if rgb else image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ReportFileError("a picture in the report is damaged.") from error
