"""Charts of distributions. All charts of a table share one picture, and each row shows its part of it.

They consist of rectangles only, which are drawn here in a tenth of the time that matplotlib takes.
The background is transparent and the colours are visible on both white and black, so one picture serves light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..histograms import Histogram
from ..pngs import chart_png

WIDTH, HEIGHT = 160, 30  # of a chart, in pixels of the page
GAP = 2  # between charts, so that a chart does not bleed into its neighbour
SHARP = 2  # pixels of the picture per pixel of the page
MOST_SHARP = 300  # charts; more are drawn with one pixel per pixel of the page, because they would take too much memory
DOWN = 100  # charts in a column of the picture
NEW, OLD, AXIS = "#3b82d6", "#d9730d", "#808080"
SPIKE = 1.5  # half the width of a spike, in pixels of the picture
AXIS_LINE, OLD_LINE = 1.0, 1.25  # line widths, in pixels of the page
LEVELS = 15  # of opacity
AT_ONCE = 12  # rectangles: for more, BLAS starts threads, which take a hundred times as long if a core is busy
LEAST = 0.01  # of a pixel's area: less is not drawn

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
    pixels = np.zeros((height, width), np.uint8)
    for count, place in enumerate(drawn):
        left, top = count // DOWN * (WIDTH + GAP) * sharp, count % DOWN * (HEIGHT + GAP) * sharp
        boxes[place] = left, top, WIDTH * sharp, HEIGHT * sharp
        frame = _Frame(WIDTH * sharp, HEIGHT * sharp, sharp, *_extent(pairs[place]))
        pixels[top : top + HEIGHT * sharp, left : left + WIDTH * sharp] = _drawn(pairs[place], frame)
    colours = b"".join(LEVELS * bytes.fromhex(colour[1:]) for colour in (AXIS, NEW, OLD))
    shares = bytes(round(255 * level / LEVELS) for level in range(1, LEVELS + 1))
    png = chart_png(pixels, bytes(3) + colours, bytes(1) + 3 * shares)
    return DistributionCharts(png, boxes, width, height)


def _drawn(pair: Pair, frame: _Frame) -> np.ndarray:
    """Return the pixels of a chart, (h, w) uint8: 0 where nothing is drawn, then `LEVELS` opacities of each of three colours.

    What is drawn later hides what was drawn before where it covers at least half of a pixel, or more than that does.
    """
    old, new = pair
    opacity = _covered(frame.axes(), frame)
    first = np.zeros(opacity.shape, np.uint8)  # of the levels of each pixel's colour
    for number, shapes in ((1, frame.bars(new)), (2, frame.outline(old))):
        if len(shapes):
            covered = _covered(shapes, frame)
            first[covered >= np.clip(opacity, LEAST, 0.5)] = number * LEVELS
            np.maximum(opacity, covered, out=opacity)
    levels = (LEVELS * opacity + np.float32(0.5)).astype(np.uint8)
    pixels: np.ndarray = levels + first * (levels > 0)
    return pixels


def _covered(rectangles: np.ndarray, frame: _Frame) -> np.ndarray:
    """Return the share of each pixel (h, w) that rectangles cover: (n, 4), each left, right, bottom and top in pixels."""
    rectangles = rectangles[np.isfinite(rectangles).all(axis=1)]  # a report may hold any numbers: those have no place
    left, right, bottom, top = rectangles.astype(np.float32).T[:, :, None]
    columns, rows = _places(frame.width), _places(frame.height)
    across = np.minimum(right, columns + 1) - np.maximum(left, columns)
    upward = np.minimum(top, rows + 1) - np.maximum(bottom, rows)
    upward, across = np.maximum(upward, 0).T[::-1], np.maximum(across, 0)  # a picture's first row is its top
    covered = np.zeros((frame.height, frame.width), np.float32)
    for start in range(0, len(rectangles), AT_ONCE):
        covered += upward[:, start : start + AT_ONCE] @ across[start : start + AT_ONCE]
    return np.minimum(covered, 1, out=covered)


@cache
def _places(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)


def _shows(histogram: Histogram | None) -> bool:
    """Return whether there is anything to draw: a bin whose count is not 0."""
    return histogram is not None and any(histogram.counts)


class _Frame(NamedTuple):
    """A chart of `width` x `height` pixels, with the values at its ends and the density at its top.

    Rectangles are (n, 4): left, right, bottom and top in pixels, from the lower left corner.
    """

    width: int
    height: int
    sharp: int
    low: float
    high: float
    highest: float

    def bars(self, histogram: Histogram | None) -> np.ndarray:
        """Return a rectangle for each bin, or a spike if all values are equal; none if there is nothing to draw."""
        if histogram is None or not _shows(histogram):
            return np.zeros((0, 4))
        if not histogram.high > histogram.low:
            at = self._across(histogram.low)
            return np.array([(at - SPIKE, at + SPIKE, 0.0, self.height)])
        bins = histogram.density()
        return np.array([(self._across(left), self._across(right), 0.0, self._up(density)) for left, right, density in bins])

    def outline(self, histogram: Histogram | None) -> np.ndarray:
        """Return the lines around the bars, from the axis up and down to the axis again."""
        bars, half = self.bars(histogram), OLD_LINE * self.sharp / 2
        heights = [0.0, *bars[:, 3], 0.0] if len(bars) else []
        edges = [*bars[:, 0], *bars[-1:, 1]]
        tops = [(left - half, right + half, top - half, top + half) for left, right, _, top in bars]
        sides = [(at - half, at + half, min(ends), max(ends)) for at, ends in zip(edges, pairwise(heights), strict=True)]
        return np.array([*tops, *sides])

    def axes(self) -> np.ndarray:
        """Return the line at the bottom, and the line at 0 if 0 lies inside the chart."""
        lines: list[tuple[float, ...]] = [(0.0, self.width, 0.0, AXIS_LINE * self.sharp)]
        if self.low < 0 < self.high:
            half = AXIS_LINE * self.sharp / 2
            lines.append((self._across(0.0) - half, self._across(0.0) + half, 0.0, self.height))
        return np.array(lines)

    def _up(self, density: float) -> float:
        return self.height * 0.96 * density / self.highest

    def _across(self, value: float) -> float:
        return self.width * (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


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
