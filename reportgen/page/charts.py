"""Charts of distributions. All charts of a table share one picture, and each row shows its part of it.

The background is transparent and the colours are visible on both white and black, so one picture serves light and dark pages.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from ..histograms import Histogram

WIDTH, HEIGHT = 160, 30  # of a chart, in pixels of the page
GAP = 2  # between charts, so that a chart does not bleed into its neighbour
SHARP = 2  # pixels of the picture per pixel of the page
MOST_SHARP = 300  # charts; more are drawn with one pixel per pixel of the page, because they would take too much memory
DOWN = 100  # charts in a column of the picture
NEW, OLD, AXIS = "#3b82d6", "#d9730d", "#808080"
SPIKE = 1.5  # half the width of a spike, in pixels of the picture
OLD_LINE = 1.25  # line width of the outline of the old distribution

FILL_LEVELS, AXIS_LEVELS = 48, 4  # levels of a pixel that is partly covered; together they make a palette of 245 colours

Pair = tuple[Histogram | None, Histogram | None]


class DistributionCharts(NamedTuple):
    """A PNG of many charts, and the box of each chart, (left, top, width, height) in its pixels; None for a row without one."""

    png: bytes
    boxes: list[tuple[int, int, int, int] | None]
    width: int
    height: int


def distribution_charts(pairs: Sequence[Pair]) -> DistributionCharts:
    """Draw a chart for each pair (old, new) of distributions: the new one filled, the old one as a line over it, on one axis.

    A thin line marks 0. Each chart is scaled to its own highest bin.
    """
    drawn = [place for place, pair in enumerate(pairs) if any(_shows(each) for each in pair)]
    sharp = SHARP if len(drawn) <= MOST_SHARP else 1
    width = max(1, math.ceil(len(drawn) / DOWN)) * (WIDTH + GAP) * sharp
    height = max(1, min(len(drawn), DOWN)) * (HEIGHT + GAP) * sharp
    boxes: list[tuple[int, int, int, int] | None] = [None] * len(pairs)
    filled, axes, lines = (np.zeros((height, width), np.uint8) for _ in range(3))
    for count, place in enumerate(drawn):
        left, top = count // DOWN * (WIDTH + GAP) * sharp, count % DOWN * (HEIGHT + GAP) * sharp
        boxes[place] = left, top, WIDTH * sharp, HEIGHT * sharp
        box = slice(top, top + HEIGHT * sharp), slice(left, left + WIDTH * sharp)
        frame = _Frame(WIDTH * sharp, HEIGHT * sharp, *_extent(pairs[place]))
        old, new = pairs[place]
        axes[box] = _levels(frame.axes(0.36 * sharp), AXIS_LEVELS)
        if new is not None and _shows(new):
            filled[box] = _levels(frame.filled(new), FILL_LEVELS)
        if old is not None and _shows(old):
            lines[box] = _levels(frame.outlined(old, 0.36 * sharp * OLD_LINE), 255)
    return DistributionCharts(_png(filled, axes, lines), boxes, width, height)


def _levels(coverage: np.ndarray, most: int) -> np.ndarray:
    """Return how much of each pixel is covered, 0..1, in whole steps 0..`most`."""
    levels: np.ndarray = np.rint(coverage * most).astype(np.uint8)
    return levels


def _png(filled: np.ndarray, axes: np.ndarray, lines: np.ndarray) -> bytes:
    """Return the picture of fillings over axes, below lines: with a palette, unless there are lines, which need more colours."""
    from PIL import Image

    colours = _palette()
    places = filled * np.uint8(AXIS_LEVELS + 1) + axes
    buffer = io.BytesIO()
    if not lines.any():
        image = Image.fromarray(places)
        image.putpalette(colours[:, :3].tobytes())
        image.save(buffer, "PNG", transparency=colours[:, 3].tobytes(), compress_level=6)
    else:
        below = colours[places].astype(np.float64)
        over = _over(_rgb(OLD), lines[..., None] / 255.0, below)
        Image.fromarray(np.rint(over).astype(np.uint8), "RGBA").save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


@cache
def _palette() -> np.ndarray:
    """Return the colour of each level of a filling over each level of an axis, (levels, 4) uint8."""
    axis = np.arange(AXIS_LEVELS + 1.0)[None, :, None] / AXIS_LEVELS
    fill = np.arange(FILL_LEVELS + 1.0)[:, None, None] / FILL_LEVELS
    below = _over(_rgb(AXIS), axis, np.zeros((1, 1, 4)))
    colours: np.ndarray = np.rint(_over(_rgb(NEW), fill, below)).astype(np.uint8).reshape(-1, 4)
    return colours


def _over(colour: tuple[int, ...], share: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return a colour that covers a share (.., 1) of each pixel, over the colours `below` (.., 4): red, green, blue, opacity."""
    left = below[..., 3:] / 255 * (1 - share)
    opacity = share + left
    mixed = (np.asarray(colour) * share + below[..., :3] * left) / np.where(opacity == 0, 1, opacity)
    return np.concatenate([mixed, 255 * opacity], axis=-1)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _shows(histogram: Histogram | None) -> bool:
    """Return whether there is anything to draw: a bin whose count is not 0."""
    return histogram is not None and any(histogram.counts)


class _Frame(NamedTuple):
    """A chart of `width` x `height` pixels, and the values at its left and right edge and at its top."""

    width: int
    height: int
    low: float
    high: float
    highest: float

    def filled(self, histogram: Histogram) -> np.ndarray:
        """Return how much of each pixel (h, w) lies in a bin, 0..1; in a spike if all values are equal."""
        if not histogram.high > histogram.low:
            return self._rectangle(*self._spike(histogram), 0, self.height)
        edges, tops = self._bins(histogram)
        columns = _covered(edges[:-1, None], edges[1:, None], self.width)
        rows = _covered(np.zeros((len(tops), 1)), tops[:, None], self.height)
        covered: np.ndarray = (rows.T @ columns)[::-1]
        return covered.clip(0, 1)

    def outlined(self, histogram: Histogram, half: float) -> np.ndarray:
        """Return how much of each pixel (h, w) the outline of the bins covers, 0..1; its width is twice `half` pixels."""
        if histogram.high > histogram.low:
            edges, tops = self._bins(histogram)
        else:
            edges, tops = np.array(self._spike(histogram)), np.array([float(self.height)])
        drawn = np.zeros((self.height, self.width))
        sides = np.concatenate([[0.0], tops, [0.0]])
        for at, one, two in zip(edges, sides[:-1], sides[1:], strict=True):
            drawn = np.maximum(drawn, self._rectangle(at - half, at + half, min(one, two) - half, max(one, two) + half))
        for left, right, top in zip(edges[:-1], edges[1:], tops, strict=True):
            drawn = np.maximum(drawn, self._rectangle(left - half, right + half, top - half, top + half))
        return drawn

    def axes(self, half: float) -> np.ndarray:
        """Return how much of each pixel (h, w) is covered by the line at the bottom, and the line at 0 if 0 lies inside."""
        drawn = self._rectangle(0, self.width, 0.5 - half, 0.5 + half)
        if self.low < 0 < self.high:
            at = self._across(0.0)
            drawn = np.maximum(drawn, self._rectangle(at - half, at + half, 0, self.height))
        return drawn

    def _bins(self, histogram: Histogram) -> tuple[np.ndarray, np.ndarray]:
        """Return the edges of the bins (bins + 1,) and their tops (bins,), in pixels from the lower left."""
        bins = histogram.density()
        edges = np.array([self._across(value) for value in (*(left for left, _, _ in bins), bins[-1][1])])
        return edges, np.array([self.height * 0.96 * density / self.highest for _, _, density in bins])

    def _spike(self, histogram: Histogram) -> tuple[float, float]:
        at = self._across(histogram.low)
        return at - SPIKE, at + SPIKE

    def _rectangle(self, left: float, right: float, bottom: float, top: float) -> np.ndarray:
        """Return how much of each pixel (h, w) lies in a rectangle, in pixels from the lower left."""
        return np.outer(_covered(bottom, top, self.height)[::-1], _covered(left, right, self.width))

    def _across(self, value: float) -> float:
        return self.width * (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def _covered(first: np.ndarray | float, last: np.ndarray | float, size: int) -> np.ndarray:
    """Return how much of each of `size` pixels in a row lies between two places, 0..1."""
    at = np.arange(size)
    covered: np.ndarray = np.clip(np.minimum(last, at + 1) - np.maximum(first, at), 0, 1)
    return covered


def _extent(pair: Pair) -> tuple[float, float, float]:
    """Return the values at the two ends of a chart, and the max density in it."""
    low, high = extent(pair)
    # values that are all equal are drawn as a spike in the middle, because their bin has no width
    if not high > low:
        room = abs(low) or 1.0
        low, high = low - room, high + room
    wide = (each for each in pair if each is not None and each.high > each.low)
    densities = (density for each in wide for _, _, density in each.density())
    return low, high, max(densities, default=1.0) or 1.0


def extent(pair: Pair) -> tuple[float, float]:
    """Return the min and max of both distributions together, which are the ends of the chart; (0, 0) if both are empty."""
    given = [each for each in pair if each is not None and _shows(each)]
    if not given:
        return 0.0, 0.0
    return min(each.low for each in given), max(each.high for each in given)
