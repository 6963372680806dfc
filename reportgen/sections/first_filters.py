"""The first convolution's filters, as pictures."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..errors import NotApplicable
from ..options import Options
from ..picture import GREY, RGB, Picture, columns_for, finite_range, quantize, striped, tile
from ..probe import Probe
from ..records import packed, record

BY_CHANNEL = 6
LARGEST_GRID = 1024 * 9  # weights a channel; a grid of more could not be told apart
MOST_WEIGHTS = 65_536  # 350 kB; the first layers of keras.applications have 37,632 at most
FILTER_SIDE = 24  # pixels that a filter is enlarged to, so that the gap between filters is a thin line


@record
class FirstFilters:
    """The first convolution's kernel, `shape` (h, w, input channels, filters).

    `by_channel` shows its first filters, a row a filter and a column an input channel. `all` shows the first `filters_shown` of
    its `filters` (all of them, unless there are over a thousand) in one grid of `columns`: in colour where there are three
    input channels, else the mean over them. Both are scaled by the layer's least and greatest weight, some 24 pixels a filter.
    `packed_weights` are the filters themselves (filters, h, w, input channels), packed, or None where there are more than 65,536.
    """

    NOT_COMPARED: ClassVar = ("packed_weights",)

    path: str
    shape: tuple[int, ...]
    channels: int
    filters: int
    filters_shown: int
    columns: int
    by_channel: Picture
    all: Picture
    packed_weights: str | None


def find_first_filters(probe: Probe, options: Options) -> FirstFilters:
    for call in probe.calls:
        for name in probe.kernels(call.index)[:1]:
            return _first_filters(call.path, call.type, probe.weights(call.index)[name].astype(np.float32))
    raise NotApplicable("The model has no two-dimensional convolution, so it has no filters.")


def _first_filters(path: str, kind: str, kernel: np.ndarray) -> FirstFilters:
    filters = _a_filter_first(kernel, kind)  # (filters, h, w, input channels)
    side = max(filters.shape[1:3])
    shown = filters[: max(BY_CHANNEL, LARGEST_GRID // (side * side))]
    low, high = finite_range(kernel)
    columns = columns_for(len(shown))
    in_colour = filters.shape[3] == 3
    grid = shown if in_colour else shown.mean(axis=3)
    return FirstFilters(
        path=path,
        shape=kernel.shape,
        channels=filters.shape[3],
        filters=len(filters),
        filters_shown=len(shown),
        columns=columns,
        by_channel=Picture(_by_channel(filters[:BY_CHANNEL], low, high), low, high, GREY),
        all=Picture(tile(_drawn(grid, low, high), columns), low, high, RGB if in_colour else GREY),
        packed_weights=packed(filters) if kernel.size <= MOST_WEIGHTS else None,
    )


def _a_filter_first(kernel: np.ndarray, kind: str) -> np.ndarray:
    """(filters, h, w, input channels) of a kernel as Keras keeps it.

    Conv2D: (h, w, in, out). Conv2DTranspose: (h, w, out, in). Depthwise kernels: (h, w, in, multiplier), where each filter
    sees one channel.
    """
    if "Transpose" in kind:
        return kernel.transpose(2, 0, 1, 3)
    if "Depthwise" in kind or "Separable" in kind:
        return kernel.reshape(*kernel.shape[:2], -1).transpose(2, 0, 1)[..., None]
    return kernel.transpose(3, 0, 1, 2)


def _by_channel(filters: np.ndarray, low: float, high: float) -> np.ndarray:
    channels = filters[..., : 4 * BY_CHANNEL].transpose(0, 3, 1, 2)  # (filters, channels, h, w)
    return tile(_drawn(channels.reshape(-1, *channels.shape[2:]), low, high), channels.shape[1])


def _drawn(tiles: np.ndarray, low: float, high: float) -> np.ndarray:
    return striped(enlarged(quantize(tiles, low, high)), enlarged(tiles))


def enlarged(tiles: np.ndarray) -> np.ndarray:
    """Tiles (n, h, w) or (n, h, w, 3), each weight as a square of some pixels."""
    factor = enlargement(tiles.shape[1:3])
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def enlargement(size: tuple[int, ...]) -> int:
    """How many pixels wide a weight is drawn of a filter (h, w)."""
    return max(1, FILTER_SIDE // max(size))
