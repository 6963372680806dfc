"""Overlays maps on an image: places their cells on it, and draws both as one picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from .errors import ReportFileError
from .picture import CLASSES, DIVERGING, NO_CLASS, RGB, WHOLE, Part, Picture, palette

LONGEST_SIDE = 480  # pixels of an image on the page, where it is the largest picture
LAYER_SIDE = 160  # pixels of an overlay: maps are coarse, and a browser enlarges them as smoothly as we would
COARSE = 16  # a map with at most this many cells on its longer side is drawn cell by cell: 4 x 4 cells are not a smooth cloud
NARROW = 0.125  # of a cell: a gap of this width at the edge of a picture would look like a fault
STRONGEST = 0.75  # the opacity of a map's colour at its strongest place


def within(outer: Part, inner: Part) -> Part:
    """Return the part of the whole that `inner`, a part of `outer`, covers."""
    return Part(
        outer.top + inner.top * outer.height,
        outer.left + inner.left * outer.width,
        inner.height * outer.height,
        inner.width * outer.width,
    )


def part_seen(image: tuple[int, int], fitted: tuple[int, int], how: str) -> Part:
    """Return the part of an image (height, width) that fills an input (height, width) when fitted by `how`, as `image.fit` does.

    "crop" takes the largest centred part with the input's aspect ratio; "pad" gives a part that extends beyond the image;
    "stretch" takes the whole image.
    """
    if how == "crop":
        height, width = (min(own, other * side) for own, other, side in _proportions(image, fitted))
        return Part((1 - height / image[0]) / 2, (1 - width / image[1]) / 2, height / image[0], width / image[1])
    if how == "pad":
        scale = min(side / own for side, own in zip(fitted, image, strict=True))
        inner = [max(1, round(own * scale)) for own in image]
        top, left = ((whole - own) // 2 / own for whole, own in zip(fitted, inner, strict=True))
        return Part(-top, -left, fitted[0] / inner[0], fitted[1] / inner[1])
    return WHOLE


def _proportions(image: tuple[int, int], fitted: tuple[int, int]) -> tuple[tuple[float, float, float], ...]:
    """Return for each side of the image: its length, that of the other side, and the ratio of the input's two sides."""
    return (image[0], image[1], fitted[0] / fitted[1]), (image[1], image[0], fitted[1] / fitted[0])


def size_on_page(height: int, width: int) -> tuple[int, int]:
    """Return the size at which an image is drawn: its own, scaled down if its longer side exceeds `LONGEST_SIDE`."""
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def overlay(pixels: np.ndarray, heatmap: Picture, part: Part = WHOLE, kept: Part = WHOLE) -> Picture:
    """Overlay `heatmap` (h, w), whose cells are spread evenly over `part` of `pixels` (H, W, 3), on these pixels.

    The higher the value of a place, the more opaque the map's colour; a place at 0 shows the image alone. With a diverging
    colormap, whose middle is 0, this holds for both ends. The outermost cells of a fine map extend half a cell further, but not
    beyond the part of the image that was `kept`; those of a coarse map close no more than a narrow gap, so that all cells have
    one size. There is no colour elsewhere.
    """
    return laid_over(pixels, layer_of(heatmap, part, kept, (pixels.shape[0], pixels.shape[1])))


def layer_of(heatmap: Picture, part: Part, kept: Part, size: tuple[int, int]) -> Picture:
    """Return the overlay for an image drawn at `size` (H, W): the heatmap in its place, on its own scale.

    Places without a cell get the transparent value. `opacity` gives the opacity of each value.
    """
    coarse = max(heatmap.values.shape[:2]) <= COARSE
    how = Image.Resampling.NEAREST if coarse else Image.Resampling.BICUBIC
    heat, covered = spread(heatmap.values, part, kept, size, how, equal=coarse)
    clear = 128 if _is_signed(heatmap) else 0
    values = np.where(covered, np.rint(heat.clip(0, 255)), clear).astype(np.uint8)
    return Picture(values, heatmap.low, heatmap.high, heatmap.colormap)


def layer_size(image: tuple[int, int], cells: tuple[int, int]) -> tuple[int, int]:
    """Return the size (H, W) of an overlay: the larger of `LAYER_SIDE` and the map along its longer side, at most the image's."""
    scale = min(1.0, max(LAYER_SIDE, *cells) / max(image))
    return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))


def opacity(layer: Picture) -> np.ndarray:
    """Return the opacity of each of the 256 values of an overlay, (256,) float64, 0..1."""
    values = np.arange(256.0)
    strength = np.abs(values - 128).clip(max=127) / 127 if _is_signed(layer) else values / 255
    return STRONGEST * strength


def laid_over(pixels: np.ndarray, layer: Picture) -> Picture:
    """Return `pixels` (H, W, 3) blended with an overlay, as a page shows them.

    Raises `ReportFileError` for other shapes: only a report that was modified contains them.
    """
    values = layer.values
    if pixels.ndim != 3 or pixels.shape[2] != 3 or values.ndim != 2:
        raise ReportFileError("an attribution map or its image has an unexpected shape: the report is damaged.")
    if values.shape != pixels.shape[:2]:
        values = np.asarray(Image.fromarray(values).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR))
    colours = np.frombuffer(palette(layer.colormap), np.uint8).reshape(256, 3)[values].astype(np.float32)
    share = opacity(layer).astype(np.float32)[values][..., None]
    blended = pixels * (1 - share) + colours * share
    return Picture(np.rint(blended).clip(0, 255).astype(np.uint8), 0.0, 255.0, RGB)


def _is_signed(heatmap: Picture) -> bool:
    return heatmap.colormap == DIVERGING and heatmap.low < 0


def spread(
    values: np.ndarray,
    part: Part,
    kept: Part,
    size: tuple[int, int],
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
    *,
    equal: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Resample a map (h, w), whose cells lie on `part` of an image of `size` (H, W), at each pixel of the image.

    The outermost cells extend half a cell further. With `equal`, which leaves all cells of one size, they only close a gap before
    the edge that is too narrow to show.
    Returns the values (H, W) float32, 0 where there is no cell, and a mask (H, W) bool of the pixels with a cell.
    """
    rows = _side(values.shape[0], size[0], (part.top, part.height), (kept.top, kept.height), equal=equal)
    columns = _side(values.shape[1], size[1], (part.left, part.width), (kept.left, kept.width), equal=equal)
    drawn, covered = np.zeros(size, np.float32), np.zeros(size, bool)
    height, width = rows.last - rows.first, columns.last - columns.first
    if height <= 0 or width <= 0:
        return drawn, covered
    cells = values.astype(np.float32)
    box = np.array([columns.start, rows.start, columns.end, rows.end])
    if min(box) < 0 or rows.end > cells.shape[0] or columns.end > cells.shape[1]:
        cells, box = np.pad(cells, 1, mode="edge"), box + 1
    left, top, right, bottom = box.clip(0, (cells.shape[1], cells.shape[0]) * 2).tolist()
    where = slice(rows.first, rows.last), slice(columns.first, columns.last)
    drawn[where] = np.asarray(Image.fromarray(cells).resize((width, height), resampling, box=(left, top, right, bottom)))
    covered[where] = True
    return drawn, covered


def spread_everywhere(values: np.ndarray, part: Part, kept: Part, size: tuple[int, int]) -> np.ndarray:
    """Resample a map as `spread` does, (H, W) float32, and continue its outermost cells to the edges of the image."""
    drawn, covered = spread(values, part, kept, size)
    if covered.all() or not covered.any():
        return drawn
    rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    everywhere = ((rows[0], size[0] - 1 - rows[-1]), (columns[0], size[1] - 1 - columns[-1]))
    return np.pad(drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], everywhere, mode="edge")


def enlarged(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize `values` (h, w) bilinearly to float32 (height, width)."""
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))


def blurred(pixels: np.ndarray, radius: float) -> np.ndarray:
    """Blur pixels (h, w, channels) by a Gaussian with standard deviation `radius`, each channel on its own; uint8 stays uint8."""
    if pixels.dtype != np.uint8:
        return _blurred_numbers(pixels, radius)
    channels = (Image.fromarray(pixels[:, :, each]) for each in range(pixels.shape[2]))
    return np.dstack([np.asarray(each.filter(ImageFilter.GaussianBlur(radius))) for each in channels])


def _blurred_numbers(values: np.ndarray, radius: float) -> np.ndarray:
    """Blur floats by a Gaussian cut off at three standard deviations; edges are repeated."""
    reach = max(1, round(3 * radius))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(radius, 1e-6)) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(values.astype(np.float64), [(reach, reach) if each == axis else (0, 0) for each in range(3)], mode="edge")
        length = values.shape[axis]
        values = sum(weight * padded.take(range(at, at + length), axis=axis) for at, weight in enumerate(weights))
    return np.asarray(values, np.float32)


class _Side(NamedTuple):
    """Along one side of a picture, the pixels `first` to `last` - 1 show the cells of a map from `start` to `end`."""

    first: int
    last: int
    start: float
    end: float


def _side(cells: int, pixels: int, spread: tuple[float, float], kept: tuple[float, float], *, equal: bool) -> _Side:
    """Return which pixels show which cells. `spread` and `kept` are each (start, length), as shares of the side."""
    start, length = spread
    edges, cell = (max(0.0, kept[0]), min(1.0, sum(kept))), length / cells
    gaps = start - edges[0], edges[1] - (start + length)
    before, after = (min(gap, cell / 2) if not equal or gap <= cell * NARROW else 0.0 for gap in gaps)
    first = round(max(edges[0], start - before) * pixels)
    last = round(min(edges[1], start + length + after) * pixels)
    return _Side(first, last, *((edge / pixels - start) * cells / length for edge in (first, last)))


def overlay_classes(pixels: np.ndarray, mask: np.ndarray, part: Part = WHOLE) -> Picture:
    """Overlay a class mask (h, w), spread evenly over `part` of `pixels` (H, W, 3), at half opacity on the image in grey.

    Each place of the mask is drawn as a rectangle. Where there is no class, the image keeps its colours.
    """
    height, width = size_on_page(*pixels.shape[:2])
    drawn = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    rows, inside_rows = _cells(height, mask.shape[0], part.top, part.height)
    columns, inside_columns = _cells(width, mask.shape[1], part.left, part.width)
    places = mask[rows][:, columns]
    colours = np.frombuffer(palette(CLASSES), np.uint8).reshape(256, 3)[places].astype(np.float32)
    covered = (inside_rows[:, None] & inside_columns & (places != NO_CLASS))[..., None]
    blended = np.where(covered, 0.5 * drawn.mean(axis=2, keepdims=True) + 0.5 * colours, drawn)
    return Picture(np.rint(blended).clip(0, 255).astype(np.uint8), 0.0, 255.0, RGB)


def _cells(pixels: int, cells: int, start: float, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each pixel along a side which cell lies there, and whether there is one."""
    place = ((np.arange(pixels) + 0.5) / pixels - start) / length * cells
    return np.floor(place).clip(0, cells - 1).astype(np.int64), (place >= 0) & (place < cells)
