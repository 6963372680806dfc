"""Receptive-field arithmetic: where the cells of a map lie on the image, each in the middle of what it sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ..layer_calls import ReceptiveField
from ..picture import Part

PLACE = "_reportgen_place"  # on a tensor that comes from the image: where its cells lie
DIGITS = 3  # decimal places, in pixels
Extent = Literal["part", "whole", "unknown"]
LEAST = 1e-6  # as a share of a side: smaller differences are rounding errors


class Span(NamedTuple):
    """The cells of a map along one side of the image: evenly spaced from `start` over `length`, as shares of the side.

    A cell lies in the middle of what it sees, which is `sight` (also a share) plus one pixel. `sight` includes what lies beyond
    the image, such as padding. `low` to `high` is the part of the image that the model's own layers left; they may have cropped
    the rest.
    """

    start: float = 0.0
    length: float = 1.0
    sight: float = 0.0
    low: float = 0.0
    high: float = 1.0

    def cut(self, start: float, length: float) -> Span:
        """Return the span with only the cells from `start` over `length` left, or padded with cells that show nothing."""
        return self._replace(start=start, length=length, low=max(self.low, start), high=min(self.high, start + length))


class Window(NamedTuple):
    """How a layer's cells look at the cells before it, along one side.

    Cell i looks at `reach` cells, the first at i * `stride` - `padding`.
    """

    reach: int = 1
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the cells of a tensor lie; `axes` are the tensor's axes for height and width.

    `known` is False after a layer whose arithmetic is not known; the cells are then spread over what that layer was given.
    `extent` says whether a cell sees what its spans say, the whole image, or an unknown part. `aligned` is False if paths with
    different centres were joined. `exact` is False if a map was enlarged, so that its cells do not lie in the middle of what they
    see.
    """

    rows: Span
    columns: Span
    axes: tuple[int, int]
    known: bool = True
    extent: Extent = "part"
    aligned: bool = True
    exact: bool = True

    def seeing(self, extents: Iterable[Extent]) -> Place:
        """Return the place of what is made from things with these extents: it sees the whole image if any of them does."""
        seen = {self.extent, *extents}
        extent: Extent = "whole" if "whole" in seen else "unknown" if "unknown" in seen or not self.known else "part"
        return replace(self, extent=extent)

    def receptive_field(self, image: tuple[int, int], cells: tuple[int, int]) -> ReceptiveField:
        """Return what a cell sees, given the (h, w) of the image in pixels and of this map in cells."""
        if self.extent != "part":
            return ReceptiveField(extent=self.extent)
        down, across = (_in_pixels(*side) for side in ((self.rows, image[0], cells[0]), (self.columns, image[1], cells[1])))
        size, stride, offset = zip(down, across, strict=True)
        return ReceptiveField(extent="part", size=size, stride=stride, offset=offset, aligned=self.aligned, exact=self.exact)

    @property
    def part(self) -> Part:
        """The part of the image over which the cells are spread; it may extend beyond the image."""
        return Part(self.rows.start, self.columns.start, self.rows.length, self.columns.length)

    @property
    def kept(self) -> Part:
        """The part of the image that the model's own layers did not crop away."""
        rows, columns = self.rows, self.columns
        return Part(rows.low, columns.low, max(0.0, rows.high - rows.low), max(0.0, columns.high - columns.low))


def _in_pixels(span: Span, pixels: int, cells: int) -> tuple[float, float, float]:
    """Return the size, stride and offset of a receptive field along one side, as `ReceptiveField` defines them."""
    step = span.length / cells
    figures = span.sight * pixels + 1, step * pixels, (span.start + step / 2) * pixels - 0.5
    size, stride, offset = (round(each, DIGITS) + 0.0 for each in figures)  # + 0.0: no -0.0
    return size, stride, offset


def image_place(channels_first: bool) -> Place:
    """Return the place of the image itself, whose pixels see themselves."""
    return Place(rows=Span(), columns=Span(), axes=(2, 3) if channels_first else (1, 2))


def same_padding(reach: int, stride: int, before: int, after: int) -> int:
    """Return how many cells "same" padding puts before `before` cells to get `after`; an odd one out goes after them."""
    return max((after - 1) * stride + reach - before, 0) // 2


def looked_through(span: Span, window: Window, before: int, after: int) -> Span:
    """Return the span of `after` cells that look through a window at the `before` cells of `span`."""
    cell = span.length / before
    middle = span.start + cell / 2 + cell * ((window.reach - 1) / 2 - window.padding)
    step = cell * window.stride
    return span._replace(start=middle - step / 2, length=step * after, sight=span.sight + cell * (window.reach - 1))


def spread_through(span: Span, window: Window, before: int, after: int) -> Span:
    """Return the span of `after` cells of a transposed convolution, which adds input cell j to the cells that window j covers."""
    cell = span.length / before
    step = cell / window.stride
    middle = span.start + cell / 2 - step * ((window.reach - 1) / 2 - window.padding)
    # at most ceil(reach / stride) input cells reach a cell, and they lie up to half a cell off its centre
    sight = span.sight + cell * (-(-window.reach // window.stride) - 1) + cell * (1 - 1 / window.stride)
    return span._replace(start=middle - step / 2, length=step * after, sight=sight)


def joined(places: Sequence[Place]) -> Place:
    """Return the place of what is made cell by cell from tensors at these places: a cell sees what any of their cells sees."""
    first = places[0]
    if all(place == first for place in places):
        return first
    known = all(place.known and place.axes == first.axes for place in places)
    aligned = all(place.aligned for place in places)
    for spans in ([place.rows for place in places], [place.columns for place in places]):
        known = known and max(span.length for span in spans) - min(span.length for span in spans) < LEAST
        aligned = aligned and max(span.start for span in spans) - min(span.start for span in spans) < LEAST
    if not known:
        return replace(first, known=False)
    rows, columns = _hull([each.rows for each in places]), _hull([each.columns for each in places])
    exact = all(place.exact for place in places)
    return replace(first, rows=rows, columns=columns, aligned=aligned, exact=exact)


def _hull(spans: Sequence[Span]) -> Span:
    first = min(span.start - span.sight / 2 for span in spans)
    last = max(span.start + span.sight / 2 for span in spans)
    low, high = min(span.low for span in spans), max(span.high for span in spans)
    return Span((first + last) / 2, spans[0].length, last - first, low, high)
