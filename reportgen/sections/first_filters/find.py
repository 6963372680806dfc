"""The first convolution's filters, as pictures."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable, ReportFileError
from ...options import Options
from ...picture import GREY, RGB, Grid, Picture, finite_range, quantize, striped
from ...probe import ChannelOrder, LayerCall, Network
from ...records import record
from ...tensors import packed, unpacked

BY_CHANNEL = 6
LARGEST_GRID = 1024 * 9  # weights a channel; a grid of more could not be told apart
MOST_WEIGHTS = 65_536  # 350 kB; the first layers of keras.applications have 37,632 at most
FILTER_SIDE = 24  # pixels that a filter is enlarged to, so that the gap between filters is a thin line


@record(kw_only=True)
class FirstFilters:
    """The first convolution's kernel, `shape` (h, w, input channels, filters).

    `by_channel` shows its first filters, a row a filter and a column an input channel. `all` shows the first `filters_shown` of
    its `filters` (all of them, unless there are over a thousand) in one grid of `columns`: in colour where there are three
    input channels, else the mean over them. Both are scaled by the layer's least and greatest weight, some 24 pixels a filter.
    `channel_order` says which colours the input channels are; where it is None they are drawn as red, green and blue.
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
    channel_order: ChannelOrder | None = None

    def all_filters(self) -> np.ndarray | None:
        """The filters (filters, h, w, input channels) float64; None where the report does not hold them."""
        if self.packed_weights is None:
            return None
        shape = (self.filters, *self.shape[:2], self.channels)
        if len(shape) != 4 or min(shape) < 1:
            raise ReportFileError("the report's data are not as expected at the shape of the first filters.")
        return unpacked(self.packed_weights, math.prod(shape), "the first filters").reshape(shape)


def find_first_filters(network: Network, options: Options) -> FirstFilters:
    """The first convolution's filters; raises `NotApplicable` for a model without convolutions."""
    for call in network.layers:
        for name in network.kernels(call.index)[:1]:
            kernel = network.weights(call.index)[name].astype(np.float32)
            return _first_filters(call, kernel, network.channel_order)
    raise NotApplicable("The model has no two-dimensional convolution, so it has no filters.")


def _first_filters(call: LayerCall, kernel: np.ndarray, order: ChannelOrder | None) -> FirstFilters:
    filters = _a_filter_first(kernel, call.type)  # (filters, h, w, input channels)
    shown = filters_shown(filters)
    low, high = finite_range(kernel)
    seen = as_seen(shown, order)
    grid = Grid.of(_drawn(seen, low, high))
    return FirstFilters(
        path=call.path,
        shape=kernel.shape,
        channels=filters.shape[3],
        filters=len(filters),
        filters_shown=len(shown),
        columns=grid.columns,
        by_channel=_by_channel(filters[:BY_CHANNEL], low, high),
        all=grid.picture(low, high, RGB if seen.ndim == 4 else GREY),
        packed_weights=packed(filters) if kernel.size <= MOST_WEIGHTS else None,
        channel_order=order if seen.ndim == 4 else None,
    )


def as_seen(filters: np.ndarray, order: ChannelOrder | None) -> np.ndarray:
    """Filters (n, h, w, input channels) as they are drawn: (n, h, w, 3) in red, green, blue, or the mean (n, h, w)."""
    if filters.shape[3] == 3:
        return filters[..., ::-1] if order == "bgr" else filters
    mean: np.ndarray = filters.mean(axis=3)
    return mean


def filters_shown(filters: np.ndarray) -> np.ndarray:
    """The first of the filters (filters, h, w, input channels): as many as can be told apart in a grid."""
    return filters[: max(BY_CHANNEL, LARGEST_GRID // max(filters.shape[1:3]) ** 2)]


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


def _by_channel(filters: np.ndarray, low: float, high: float) -> Picture:
    channels = filters[..., : 4 * BY_CHANNEL].transpose(0, 3, 1, 2)  # (filters, channels, h, w)
    tiles = _drawn(channels.reshape(-1, *channels.shape[2:]), low, high)
    return Grid(tiles, channels.shape[1]).picture(low, high, GREY)


def _drawn(tiles: np.ndarray, low: float, high: float) -> np.ndarray:
    return striped(enlarged(quantize(tiles, low, high)), enlarged(tiles))


def enlarged(tiles: np.ndarray) -> np.ndarray:
    """Tiles (n, h, w) or (n, h, w, 3), each weight as a square of some pixels."""
    factor = enlargement(tiles.shape[1:3])
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def enlargement(size: tuple[int, ...]) -> int:
    """How many pixels wide a weight is drawn of a filter (h, w)."""
    return max(1, FILTER_SIDE // max(size))
