"""The first convolution's filters, as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable, ReportFileError
from ...kernels import MULTIPLIER, OUT, Kernel
from ...options import Options
from ...picture import GREY, RGB, Grid, Picture, finite_range, quantize, striped
from ...probe import ChannelOrder, LayerCall, Network
from ...records import record
from ...tensors import packed, unpacked

BY_CHANNEL = 6
LARGEST_GRID = 1024 * 9  # weights per input channel; the filters of a larger grid could not be told apart
MOST_WEIGHTS = 65_536  # 350 kB; the first layers of keras.applications have at most 37,632
FILTER_SIDE = 24  # pixels that a filter is enlarged to, so that the gap between filters is a thin line


@record(kw_only=True)
class FirstFilters:
    """The first convolution's filters, one for each output channel.

    `shape` is that of its kernel as Keras stores it: (h, w, input channels, filters), (h, w, filters, input channels) for a
    transposed convolution, or (h, w, input channels, filters per channel) for a depthwise one. A separable convolution has two
    kernels, which are multiplied: then `composed` is True, and `shape` is that of the product (h, w, input channels, filters).

    A filter sees `channels` input channels: all of them, or those of one of `groups` (None in reports of format 1). `by_channel`
    shows the first filters, with one row per filter and one column per channel that it sees. `all` shows the first
    `filters_shown` of its `filters` (all of them, unless there are over a thousand) in one grid of `columns`: in colour if all
    see the same three input channels, otherwise as the mean over the channels. Both are scaled from the min to the max weight,
    with about 24 pixels per filter. `channel_order` says which colours the input channels are; if it is None they are drawn as
    red, green and blue. `packed_weights` holds the filters themselves (filters, h, w, channels), packed; None if there are more
    than 65,536 weights.
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
    groups: int | None = None
    composed: bool | None = None

    @property
    def in_colour(self) -> bool:
        """Whether the three channels that every filter sees are drawn as red, green and blue."""
        return self.all.colormap == RGB

    def all_filters(self) -> np.ndarray | None:
        """Return the filters (filters, h, w, channels) float64; None if the report does not hold them.

        Raises `ReportFileError` if the report's data are inconsistent.
        """
        if self.packed_weights is None:
            return None
        shape = (self.filters, *self.shape[:2], self.channels)
        if len(shape) != 4 or min(shape) < 1:
            raise ReportFileError("the report's data are not as expected at the shape of the first filters.")
        return unpacked(self.packed_weights, math.prod(shape), "the first filters").reshape(shape)


def find_first_filters(network: Network, options: Options) -> FirstFilters:
    """Return the first convolution's filters; raises `NotApplicable` for a model without convolutions."""
    for call in network.layers:
        kernels = network.kernels(call.index)
        if kernels:
            return _first_filters(call, kernels, network.weights(call.index), network.channel_order)
    raise NotApplicable("The model has no two-dimensional convolution, so it has no filters.")


def _first_filters(
    call: LayerCall, kernels: tuple[Kernel, ...], weights: Mapping[str, np.ndarray], order: ChannelOrder | None
) -> FirstFilters:
    first = weights[kernels[0].name]
    filters = _filters(kernels, weights)
    count, height, width, channels = filters.shape
    groups = first.shape[2] if MULTIPLIER in kernels[0].axes and len(kernels) == 1 else kernels[0].groups
    coloured = channels == 3 and groups == 1
    low, high = finite_range(filters)
    shown = filters_shown(filters)
    grid = Grid.of(_drawn(as_seen(shown, order, coloured=coloured), low, high))
    return FirstFilters(
        path=call.path,
        shape=(height, width, channels, count) if len(kernels) > 1 else first.shape,
        channels=channels,
        filters=count,
        filters_shown=len(shown),
        columns=grid.columns,
        by_channel=_by_channel(filters[:BY_CHANNEL], low, high),
        all=grid.picture(low, high, RGB if coloured else GREY),
        packed_weights=packed(filters) if filters.size <= MOST_WEIGHTS else None,
        channel_order=order if coloured else None,
        groups=groups,
        composed=len(kernels) > 1,
    )


def _filters(kernels: tuple[Kernel, ...], weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the filters (filters, h, w, channels) float32 of a layer with these kernels."""
    kernel, axes = weights[kernels[0].name].astype(np.float32), kernels[0].axes
    if len(kernels) > 1:  # filter k is the sum over the multiplier m of depthwise[h, w, c, m] times pointwise[c, m, k]
        pointwise = weights[kernels[1].name].astype(np.float32).reshape(*kernel.shape[2:], -1)
        composed: np.ndarray = np.einsum("hwcm,cmk->khwc", kernel, pointwise)
        return composed
    if MULTIPLIER in axes:  # each filter sees one channel
        return kernel.reshape(*kernel.shape[:2], -1).transpose(2, 0, 1)[..., None]
    return kernel.transpose(axes.index(OUT), 0, 1, 5 - axes.index(OUT))


def as_seen(filters: np.ndarray, order: ChannelOrder | None, *, coloured: bool) -> np.ndarray:
    """Return filters (n, h, w, channels) as they are drawn: (n, h, w, 3) in red, green, blue, or their mean (n, h, w)."""
    if coloured:
        return filters[..., ::-1] if order == "bgr" else filters
    mean: np.ndarray = filters.mean(axis=3)
    return mean


def filters_shown(filters: np.ndarray) -> np.ndarray:
    """Return the first of the filters (filters, h, w, input channels): as many as can be told apart in a grid."""
    return filters[: max(BY_CHANNEL, LARGEST_GRID // max(filters.shape[1:3]) ** 2)]


def _by_channel(filters: np.ndarray, low: float, high: float) -> Picture:
    channels = filters[..., : 4 * BY_CHANNEL].transpose(0, 3, 1, 2)  # (filters, channels, h, w)
    tiles = _drawn(channels.reshape(-1, *channels.shape[2:]), low, high)
    return Grid(tiles, channels.shape[1]).picture(low, high, GREY)


def _drawn(tiles: np.ndarray, low: float, high: float) -> np.ndarray:
    return striped(enlarged(quantize(tiles, low, high)), enlarged(tiles))


def enlarged(tiles: np.ndarray) -> np.ndarray:
    """Enlarge tiles (n, h, w) or (n, h, w, 3), so that each weight is a square of several pixels."""
    factor = enlargement(tiles.shape[1:3])
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def enlargement(size: tuple[int, ...]) -> int:
    """Return how many pixels wide each weight of a filter (h, w) is drawn."""
    return max(1, FILTER_SIDE // max(size))
