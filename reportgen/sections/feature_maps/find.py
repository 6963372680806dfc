"""What each convolution made of the image: sizes and figures of all, maps of those that are shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable, OptionError
from ...histograms import Histogram
from ...options import Options, Scale
from ...picture import Grid, Picture, columns_across, finite_range, quantize, reduced, striped
from ...probe import FeatureMaps, Probe, block_ends, is_shown
from ...records import formerly, record
from ...tensors import figure

LARGEST_GRID = 50_000_000  # pixels, all tiles together
LARGEST_TILE = 160  # pixels: more than a screen gives a map of a grid, and a report of VGG16 would not fit in a mail
SMALLEST_TILE = 8  # pixels: of a map any smaller no shape is left


@record(kw_only=True)
class Channel:
    """One map: its range, its mean, and the share of its values above 0."""

    KEY: ClassVar = ("channel",)

    channel: int
    min: float
    max: float
    mean: float
    active: float


@record(kw_only=True)
class ConvolutionMaps:
    """A convolution's maps after the normalisation and activation that directly follow it (`after` names those layers).

    `min`, `max` and `mean` are over the whole layer. A channel is inactive on this image where its map has the same value
    everywhere (a map of a single place: where that is zero). `inactive` holds the numbers of all that are, `inactive_values` the
    value that each of them has: None in reports of format 1, which counted only channels that are zero everywhere.

    `block_end` marks the last convolution at its resolution. `picture` shows the maps of `channels` in a grid of `columns`, or is
    None; one pixel of it is the mean over `reduction` x `reduction` values. `histogram` is that of all the layer's maps together;
    older reports have none.
    """

    KEY: ClassVar = ("path",)
    # places that shift, what other sections say, the looks of a report, and what a comparison reads on its own
    NOT_COMPARED: ClassVar = (
        "index", "after", "block_end", "channels_shown", "columns", "reduction", "inactive_channels", "inactive",
        "inactive_values", "channels", "picture", "histogram",
    )  # fmt: skip

    index: int
    path: str
    shape: tuple[int, int, int]
    after: tuple[str, ...]
    min: float
    max: float
    mean: float
    inactive_channels: int = formerly("dead_channels")
    inactive: tuple[int, ...] = formerly("dead")
    inactive_values: tuple[float, ...] | None = None
    block_end: bool
    channels_shown: int
    columns: int
    reduction: int
    channels: tuple[Channel, ...]
    picture: Picture | None
    histogram: Histogram | None = None

    def inactive_at_zero(self) -> tuple[int, ...]:
        """The numbers of the inactive channels that are zero everywhere."""
        if self.inactive_values is None:
            return self.inactive
        return tuple(channel for channel, value in zip(self.inactive, self.inactive_values, strict=False) if value == 0)

    @property
    def lowered(self) -> bool:
        """Whether the maps are shown smaller than their own size asks for, so that the page keeps to a limit."""
        return self.picture is not None and self.reduction > reduction_for(self.shape, self.channels_shown)


@record
class ConvolutionMapsTable:
    """A row for every convolution, in layer order; the channels of a row as `Options.sort` has them.

    With `scale` "map" each map is scaled by its own range, so that 0 and 1 of a picture are that map's least and greatest value;
    with "layer" all maps of a layer by the layer's.
    """

    NOT_COMPARED: ClassVar = ("scale",)

    scale: Scale
    rows: tuple[ConvolutionMaps, ...]

    @property
    def all_channels(self) -> int:
        """How many channels all convolutions have."""
        return sum(row.shape[2] for row in self.rows)

    @property
    def inactive_channels(self) -> int:
        """How many of them are inactive on this image."""
        return sum(row.inactive_channels for row in self.rows)

    @property
    def least_active(self) -> ConvolutionMaps:
        """The convolution with the most inactive channels."""
        return max(self.rows, key=lambda row: row.inactive_channels)


def find_feature_maps(probe: Probe, options: Options) -> ConvolutionMapsTable:
    """A row for every convolution.

    Raises `NotApplicable` for a model without convolutions, `OptionError` where `options.layers` fits none.
    """
    if not probe.maps:
        raise NotApplicable(
            "No two-dimensional convolution is among the layers that took part in the forward pass, so there are no feature maps."
        )
    ends = block_ends((maps.index, maps.shape) for maps in probe.maps)
    rows = []
    for maps in probe.maps:
        shown = is_shown(maps.path, maps.index in ends, maps is probe.maps[0], options)
        rows.append(_row(maps, maps.index in ends, options if shown else None))
    if options.layers is not None and not any(row.channels_shown for row in rows):
        known = ", ".join(row.path for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
        raise OptionError(f"--layers {options.layers}: fits no convolution's path; there are {known}.")
    return ConvolutionMapsTable(options.scale, tuple(rows))


def _row(maps: FeatureMaps, block_end: bool, options: Options | None) -> ConvolutionMaps:
    order = np.arange(0) if options is None or maps.values is None else _order(maps, options)
    reduction = reduction_for(maps.shape, len(order))
    with np.errstate(invalid="ignore"):
        low, high, mean = maps.low.min(), maps.high.max(), maps.mean.mean(dtype=np.float64)
    return ConvolutionMaps(
        index=maps.index,
        path=maps.path,
        shape=maps.shape,
        after=maps.after,
        min=figure(low),
        max=figure(high),
        mean=figure(np.float32(mean)),
        inactive_channels=len(maps.inactive),
        inactive=maps.inactive,
        inactive_values=tuple(figure(maps.low[channel]) for channel in maps.inactive),
        block_end=block_end,
        channels_shown=len(order),
        columns=columns_across(len(order)),
        reduction=reduction,
        channels=tuple(_channel(maps, int(channel)) for channel in order),
        picture=_picture(maps, order, reduction, options) if options and len(order) else None,
        histogram=maps.histogram,
    )


def _order(maps: FeatureMaps, options: Options) -> np.ndarray:
    """The channels that are shown, in their order. Of like activity: the greater mean first, then by channel."""
    channels = np.arange(maps.shape[2])
    if options.sort == "activity":
        channels = np.lexsort((channels, -np.nan_to_num(maps.mean, nan=-np.inf), -maps.active))
    return channels if options.maps == "all" else channels[: options.maps]


def _channel(maps: FeatureMaps, channel: int) -> Channel:
    low, high, mean, active = (figure(of[channel]) for of in (maps.low, maps.high, maps.mean, maps.active))
    return Channel(channel=channel, min=low, max=high, mean=mean, active=active)


def reduction_for(shape: tuple[int, int, int], shown: int) -> int:
    """How many values a side of a map are one pixel of its picture, where nothing but its own size asks for it."""
    factor = -(-max(shape[:2]) // LARGEST_TILE)
    return max(factor, math.ceil(math.sqrt(shape[0] * shape[1] * shown / LARGEST_GRID)))


def _picture(maps: FeatureMaps, order: np.ndarray, reduction: int, options: Options) -> Picture:
    assert maps.values is not None
    values = maps.values[:, :, order]
    smaller = reduced(values, reduction) if reduction > 1 else values
    tiles = np.ascontiguousarray(smaller.transpose(2, 0, 1))
    if options.scale == "layer":
        low, high = finite_range(maps.values)
        return _grid(striped(quantize(tiles, low, high), tiles)).picture(low, high, options.colormap)
    ranges = zip(maps.low[order], maps.high[order], strict=True)
    own = [quantize(each, *_finite(range_, each)) for each, range_ in zip(tiles, ranges, strict=True)]
    return _grid(striped(np.stack(own), tiles)).picture(0.0, 1.0, options.colormap)


def _finite(own: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    return (float(own[0]), float(own[1])) if np.isfinite(own).all() else finite_range(values)


def _grid(tiles: np.ndarray) -> Grid:
    return Grid(tiles, columns_across(len(tiles)))


def with_smaller_maps(
    table: ConvolutionMapsTable, probe: Probe, options: Options, excess: int
) -> tuple[ConvolutionMapsTable, int]:
    """The table with the largest pictures at half their resolution, and again, until some `excess` bytes of a page are saved.

    They are drawn anew from the maps themselves. Saves less where even the smallest pictures do not save enough.
    """
    values = {maps.path: maps for maps in probe.maps}
    rows = list(table.rows)
    sizes = {place: row.picture.size_in_page() for place, row in enumerate(rows) if row.picture and _can_shrink(row)}
    saved = 0
    while saved < excess and sizes:
        place = max(sizes, key=lambda each: (sizes[each], -each))
        row = rows[place]
        order = np.array([each.channel for each in row.channels])
        picture = _picture(values[row.path], order, 2 * row.reduction, options)
        rows[place] = replace(row, picture=picture, reduction=2 * row.reduction)
        saved += sizes.pop(place) - picture.size_in_page()
        if _can_shrink(rows[place]):
            sizes[place] = picture.size_in_page()
    return replace(table, rows=tuple(rows)), saved


def _can_shrink(row: ConvolutionMaps) -> bool:
    return min(row.shape[:2]) // row.reduction >= 2 * SMALLEST_TILE
