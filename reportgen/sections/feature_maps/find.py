"""The feature maps of each convolution: sizes and figures for all of them, pictures for those that are shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable, OptionError
from ...histograms import Histogram
from ...options import Options, Scale
from ...picture import DIVERGING, Grid, Picture, as_bytes, columns_across, finite_range, quantize, reduced, striped
from ...probe import FeatureMaps, Probe, block_ends, is_shown
from ...records import formerly, record
from ...tensors import figure, figures_in

LARGEST_GRID = 50_000_000  # pixels, all tiles together
LARGEST_TILE = 160  # pixels; larger maps of a grid exceed a screen, and a report of VGG16 would not fit in a mail
LEAST_NEGATIVE = 0.1  # as a fraction of the max: maps with smaller negative values are drawn as if they had none
MIDDLE = 128  # of the 256 entries of a colormap
SMALLEST_TILE = 8  # pixels; a smaller map shows no shape


@record(kw_only=True)
class Channel:
    """One feature map: its range, its mean, and the fraction of its values above 0 (`active`).

    `peak` is the place (row, column) of the max, the first if there are several; None for an inactive channel, and in older
    reports.
    """

    KEY: ClassVar = ("channel",)

    channel: int
    min: float
    max: float
    mean: float
    active: float
    peak: tuple[int, int] | None = None


@record(kw_only=True)
class ConvolutionMaps:
    """A convolution's maps after the normalization and activation that directly follow it (`after` names those layers).

    `min`, `max` and `mean` are over the whole layer. A channel is inactive on this image if its map has the same value
    everywhere (for a map of a single value: if that value is zero). `inactive` holds the numbers of the inactive channels,
    `inactive_values` the value of each; the latter is None in reports of format 1, which counted only channels that are zero
    everywhere.

    `block_end` marks the last convolution at its resolution. `picture` shows the maps of `channels` in a grid of `columns`, or is
    None; each pixel is the mean over `reduction` x `reduction` values. `histogram` is that of all the layer's maps together;
    older reports have none. If `signed`, the maps have both positive and negative values and are drawn in diverging colours with
    0 in the middle. With `scores`, the channels are the model's class scores, and not counted as channels.
    """

    KEY: ClassVar = ("path",)
    # positions that shift, data of other sections, the look of a report, and what a comparison reads separately
    NOT_COMPARED: ClassVar = (
        "index", "after", "block_end", "channels_shown", "columns", "reduction", "inactive_channels", "inactive",
        "inactive_values", "channels", "picture", "histogram", "signed", "scores",
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
    signed: bool = False
    scores: bool = False

    def range_of(self, channel: Channel, scale: Scale) -> tuple[float, float]:
        """Return the values that 0 and 255 in a map's picture stand for; in a signed layer 0 lies in the middle."""
        of_layer = (self.picture.low, self.picture.high) if self.picture else (self.min, self.max)
        low, high = of_layer if scale == "layer" else (channel.min, channel.max)
        return around_zero(low, high) if self.signed else (low, high)

    def inactive_at_zero(self) -> tuple[int, ...]:
        """Return the numbers of the inactive channels that are zero everywhere."""
        if self.inactive_values is None:
            return self.inactive
        return tuple(channel for channel, value in zip(self.inactive, self.inactive_values, strict=False) if value == 0)

    @property
    def lowered(self) -> bool:
        """Whether the maps are shown smaller than their size requires, to keep the page within a limit."""
        return self.picture is not None and self.reduction > reduction_for(self.shape, self.channels_shown)


@record
class ConvolutionMapsTable:
    """A row for every convolution, in layer order; the channels of a row are sorted by `Options.sort`.

    With `scale` "map" each map is scaled by its own range, so that 0 and 1 in a picture are that map's min and max; with "layer"
    all maps of a layer are scaled by the range of the layer.
    """

    NOT_COMPARED: ClassVar = ("scale",)

    scale: Scale
    rows: tuple[ConvolutionMaps, ...]

    @property
    def all_channels(self) -> int:
        """The total number of channels of all convolutions, without class scores."""
        return sum(row.shape[2] for row in self.rows if not row.scores)

    @property
    def inactive_channels(self) -> int:
        """The total number of channels that are inactive on this image."""
        return sum(row.inactive_channels for row in self.rows)

    @property
    def least_active(self) -> ConvolutionMaps:
        """The convolution with the largest share of inactive channels, as the check `inactive_layer` names it."""
        return max(self.rows, key=lambda row: row.inactive_channels / row.shape[2])


def find_feature_maps(probe: Probe, options: Options) -> ConvolutionMapsTable:
    """Return a row for every convolution.

    Raises `NotApplicable` for a model without convolutions, `OptionError` if `options.layers` matches none.
    """
    if not probe.maps:
        raise NotApplicable("No two-dimensional convolution took part in the forward pass, so there are no feature maps.")
    ends = block_ends((maps.index, maps.shape) for maps in probe.maps)
    rows = []
    for maps in probe.maps:
        shown = is_shown(maps.path, maps.index in ends, maps is probe.maps[0], options)
        rows.append(_row(maps, maps.index in ends, options if shown else None))
    if options.layers is not None and not any(row.channels_shown for row in rows):
        known = ", ".join(row.path for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
        raise OptionError(f"--layers {options.layers}: matches no convolution; the model has {known}.")
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
        channels=tuple(_channels(maps, order)),
        picture=_picture(maps, order, reduction, options) if options and len(order) else None,
        histogram=maps.histogram,
        signed=is_signed(figure(low), figure(high)),
        scores=maps.scores,
    )


def is_signed(low: float, high: float) -> bool:
    """Return whether maps of this range are signed. Small negative values, such as those of a swish, do not count."""
    return math.isfinite(low) and math.isfinite(high) and low < 0 < high and -low > LEAST_NEGATIVE * high


def around_zero(low: float, high: float) -> tuple[float, float]:
    """Return the smallest range that is symmetric around 0 and contains this one."""
    most = max(abs(low), abs(high))
    return -most, most


def _order(maps: FeatureMaps, options: Options) -> np.ndarray:
    """Return the channels that are shown, in order. Ties in activity are broken by the larger mean, then by channel."""
    channels = np.arange(maps.shape[2])
    if options.sort == "activity":
        channels = np.lexsort((channels, -np.nan_to_num(maps.mean, nan=-np.inf), -maps.active))
    return channels if options.maps == "all" else channels[: options.maps]


def _channels(maps: FeatureMaps, order: np.ndarray) -> Iterator[Channel]:
    """Yield the channels in this order, each with the place of its max finite value.

    A channel has no such place if it is inactive or no value is finite.
    """
    if not len(order):
        return
    assert maps.values is not None
    values = maps.values
    whole = bool(np.isfinite(maps.low).all() and np.isfinite(maps.high).all())
    without = set(maps.inactive)
    if not whole:
        finite = np.isfinite(values)
        values = np.where(finite, values, -np.inf)
        without |= set(np.flatnonzero(~finite.any(axis=(0, 1))).tolist())
    # `argmax` over all positions takes ten times as long; the first row with the max has its first place, too
    by_row = values.max(axis=1)[:, order]
    rows = (by_row == by_row.max(axis=0)).argmax(axis=0)
    places = zip(rows.tolist(), values[rows, :, order].argmax(axis=1).tolist(), strict=True)
    figures = [figures_in(of[order]) for of in (maps.low, maps.high, maps.mean, maps.active)]
    for channel, place, low, high, mean, active in zip(order.tolist(), places, *figures, strict=True):
        peak = None if channel in without else place
        yield Channel(channel=channel, min=low, max=high, mean=mean, active=active, peak=peak)


def reduction_for(shape: tuple[int, int, int], shown: int) -> int:
    """Return the side, in values, of the square of a map that one pixel of its picture shows, if only its size matters."""
    factor = -(-max(shape[:2]) // LARGEST_TILE)
    return max(factor, math.ceil(math.sqrt(shape[0] * shape[1] * shown / LARGEST_GRID)))


def _picture(maps: FeatureMaps, order: np.ndarray, reduction: int, options: Options) -> Picture:
    assert maps.values is not None
    in_order = np.array_equal(order, np.arange(len(order)))  # then they need not be copied
    chosen = maps.values[:, :, : len(order)] if in_order else maps.values[:, :, order]
    smaller = reduced(chosen, reduction) if reduction > 1 else chosen
    tiles = np.ascontiguousarray(smaller.transpose(2, 0, 1))
    signed = is_signed(float(maps.low.min()), float(maps.high.max()))
    colormap = DIVERGING if signed else options.colormap
    if options.scale == "layer":
        low, high = finite_range(maps.values)
        low, high = around_zero(low, high) if signed else (low, high)
        return _grid(striped(quantize(tiles, low, high), tiles)).picture(low, high, colormap)
    ranges = np.stack([maps.low[order], maps.high[order]], axis=1).astype(np.float64)
    for place in np.flatnonzero(~np.isfinite(ranges).all(axis=1)):
        ranges[place] = finite_range(tiles[place])
    return _grid(striped(_scaled(tiles, ranges, signed), tiles)).picture(0.0, 1.0, colormap)


def _scaled(tiles: np.ndarray, ranges: np.ndarray, signed: bool) -> np.ndarray:
    """Return maps (n, h, w), each scaled by its own range (n, 2), as uint8; in a signed layer 0 lies in the middle.

    All at once, which is ten times as fast as `quantize` for each, with the same result.
    """
    lows, highs = ranges[:, 0] * 0.5, ranges[:, 1] * 0.5
    if signed:
        highs = np.maximum(np.abs(lows), np.abs(highs))
        lows = -highs
    flat = ~(highs > lows)
    factors = 255 / np.where(flat, 1, highs - lows)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = tiles * 0.5
        scaled -= lows.astype(tiles.dtype)[:, None, None]
        scaled *= factors.astype(tiles.dtype)[:, None, None]
        pixels = as_bytes(scaled)
    pixels[flat] = MIDDLE if signed else 0
    return pixels


def _grid(tiles: np.ndarray) -> Grid:
    return Grid(tiles, columns_across(len(tiles)))


def with_smaller_maps(
    table: ConvolutionMapsTable, probe: Probe, options: Options, excess: int
) -> tuple[ConvolutionMapsTable, int]:
    """Return the table with its largest pictures halved in resolution until `excess` bytes of a page are saved, and the saving.

    Pictures are redrawn from the maps themselves. The saving is smaller if even the smallest pictures are not small enough.
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
