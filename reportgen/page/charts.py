"""Charts of distributions, drawn by matplotlib. All charts of a table share one picture, and each row shows its part of it.

The background is transparent and the colours are visible on both white and black, so one picture serves light and dark pages.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..histograms import Histogram

WIDTH, HEIGHT = 160, 30  # of a chart, in pixels of the page
GAP = 2  # between charts, so that a chart does not bleed into its neighbour
SHARP = 2  # pixels of the picture per pixel of the page
MOST_SHARP = 300  # charts; more are drawn with one pixel per pixel of the page, because they would take too much memory
DOWN = 100  # charts in a column of the picture
NEW, OLD, AXIS = "#3b82d6", "#d9730d", "#808080"
SPIKE = 1.5  # half the width of a spike, in pixels of the picture
OLD_LINE = 1.25  # line width of the outline of the old distribution

Pair = tuple[Histogram | None, Histogram | None]
Point = tuple[float, float]


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.transforms import IdentityTransform
    from PIL import Image

    drawn = [place for place, pair in enumerate(pairs) if any(_shows(each) for each in pair)]
    sharp = SHARP if len(drawn) <= MOST_SHARP else 1
    width = max(1, math.ceil(len(drawn) / DOWN)) * (WIDTH + GAP) * sharp
    height = max(1, min(len(drawn), DOWN)) * (HEIGHT + GAP) * sharp
    boxes: list[tuple[int, int, int, int] | None] = [None] * len(pairs)
    filled: list[list[Point]] = []
    lines: list[list[Point]] = []
    axes: list[list[Point]] = []
    for count, place in enumerate(drawn):
        left, top = count // DOWN * (WIDTH + GAP) * sharp, count % DOWN * (HEIGHT + GAP) * sharp
        boxes[place] = left, top, WIDTH * sharp, HEIGHT * sharp
        # matplotlib counts pixels from the bottom
        frame = _Frame(left, height - top - HEIGHT * sharp, WIDTH * sharp, HEIGHT * sharp, *_extent(pairs[place]))
        old, new = pairs[place]
        if new is not None and _shows(new):
            filled.append(frame.outline(new))
        if old is not None and _shows(old):
            lines.append(frame.outline(old))
        axes += frame.axes()
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="none")
    canvas: Any = FigureCanvasAgg(figure)
    plain: dict[str, Any] = {"transform": IdentityTransform()}
    figure.add_artist(LineCollection(axes, colors=AXIS, linewidths=0.72 * sharp, **plain))
    figure.add_artist(PolyCollection(filled, facecolors=NEW, edgecolors="none", **plain))
    figure.add_artist(LineCollection(lines, colors=OLD, linewidths=0.72 * sharp * OLD_LINE, **plain))
    canvas.draw()
    buffer = io.BytesIO()
    Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).save(buffer, "PNG", compress_level=6)
    return DistributionCharts(buffer.getvalue(), boxes, width, height)


def _shows(histogram: Histogram | None) -> bool:
    """Return whether there is anything to draw: a bin whose count is not 0."""
    return histogram is not None and any(histogram.counts)


class _Frame(NamedTuple):
    """The rectangle of a chart in the picture, in pixels from the lower left, and the values at its edges."""

    left: float
    bottom: float
    width: float
    height: float
    low: float
    high: float
    highest: float

    def outline(self, histogram: Histogram) -> list[Point]:
        """Return the bins as a step outline that starts and ends at the axis, or a spike if all values are equal."""
        bins = histogram.density()
        if not histogram.high > histogram.low:
            at, top = self._across(histogram.low), self.bottom + self.height
            return [(at - SPIKE, self.bottom), (at - SPIKE, top), (at + SPIKE, top), (at + SPIKE, self.bottom)]
        corners = [(bins[0][0], 0.0)]
        for left, right, density in bins:
            corners += [(left, density), (right, density)]
        corners.append((bins[-1][1], 0.0))
        return [(self._across(value), self.bottom + self.height * 0.96 * density / self.highest) for value, density in corners]

    def axes(self) -> Iterator[list[Point]]:
        """Yield the line at the bottom, and the line at 0 if 0 lies inside the chart."""
        below = self.bottom + 0.5
        yield [(self.left, below), (self.left + self.width, below)]
        if self.low < 0 < self.high:
            yield [(self._across(0.0), self.bottom), (self._across(0.0), self.bottom + self.height)]

    def _across(self, value: float) -> float:
        return self.left + self.width * (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


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
