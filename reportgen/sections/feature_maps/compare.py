"""Comparison of the feature maps of two models, channel by channel, from the pictures in the reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...histograms import Histogram
from ...matching.align import Alignment
from ...matching.changes import LEAST, Change
from ...picture import DIVERGING, Grid, Picture, columns_for, difference_picture, quantize
from ...records import equal, record
from ...tensors import figure
from ..section import Comparison, every_figure
from .find import Channel, ConvolutionMaps, ConvolutionMapsTable, around_zero
from .shown import ShownMaps, in_common, shown_maps


@record(kw_only=True)
class ChannelChange:
    """One channel: `distance` is ||new - old|| of its map, relative to the layer's average ||old||.

    The distance is computed from pictures with 256 levels. If it is below `resolution` (two standard errors of their rounding),
    the true distance may be anything from 0 to that. `figure_change` is exact: the largest change of min, max and mean, relative
    to the layer's max absolute value. `low` and `high` are the min and max of both maps, which is the scale of their pictures;
    `old_mean` and `new_mean` are their means. `was` is the number of the old channel with exactly the figures that this channel
    has now, if it is another one; otherwise None.
    """

    KEY: ClassVar = ("channel",)

    channel: int
    distance: float
    resolution: float
    figure_change: float
    low: float
    high: float
    old_mean: float
    new_mean: float
    old_inactive: bool
    new_inactive: bool
    was: int | None


@record(kw_only=True)
class MapChanges:
    """A convolution whose maps both reports hold.

    `distance` is ||new - old|| / ||old|| over all channels in `rows`, which are sorted by their own distance; `resolution` is its
    resolution, as in `ChannelChange`. Both are 0, and there are no rows, if the maps are not shown in both reports.
    `old_inactive` and `new_inactive` count the channels of the whole layer that are inactive on the image. The pictures show the
    first `channels_shown` of `rows` in `columns`: `old` and `new` of a channel on one scale, that channel's `low` to `high`;
    `difference` is new - old, from minus to plus the layer's largest change. `old_histogram` and `histogram` are those of all the
    layer's maps, old and new.
    """

    KEY: ClassVar = ("path",)

    index: int
    path: str
    shape: tuple[int, int, int]
    distance: float
    resolution: float
    old_inactive: int
    new_inactive: int
    rows: tuple[ChannelChange, ...]
    channels_shown: int
    columns: int
    reduction: int
    old: Picture | None
    new: Picture | None
    difference: Picture | None
    old_histogram: Histogram | None
    histogram: Histogram | None

    def moved(self) -> int:
        """Return how many maps another channel had in the old model."""
        return sum(row.was is not None for row in self.rows)


@record(kw_only=True)
class MapChangesTable:
    """The changes of all convolutions, in layer order. `only_old` and `only_new` are layers whose maps one report alone holds.

    `more_inactive` is the total increase of inactive channels over the layers that have more of them than before, and
    `fewer_inactive` the total decrease over those that have fewer, including layers that are not shown. Only the counts are
    compared, so that a permutation of filters is not a change. With `zeros_only`, only channels that are zero everywhere are
    counted, because one of the reports does not list any other inactive channels.
    """

    rows: tuple[MapChanges, ...]
    more_inactive: int
    fewer_inactive: int
    zeros_only: bool
    only_old: tuple[str, ...] = ()
    only_new: tuple[str, ...] = ()

    def turned(self) -> tuple[MapChanges, ...]:
        """Return the layers whose number of inactive channels changed."""
        return tuple(row for row in self.rows if row.old_inactive != row.new_inactive)


def compare_feature_maps(before: ConvolutionMapsTable, after: ConvolutionMapsTable, comparison: Comparison) -> MapChangesTable:
    """Return how far the maps changed, and the old and new numbers of inactive channels."""
    zeros_only = any(row.inactive_values is None for row in (*before.rows, *after.rows))
    rows = tuple(_rows(before, after, zeros_only, comparison.layers, comparison.maps))
    more = [row.new_inactive - row.old_inactive for row in rows]
    old, new = ({row.path for row in each.rows} for each in (before, after))
    return MapChangesTable(
        rows=rows,
        more_inactive=sum(max(0, each) for each in more),
        fewer_inactive=sum(max(0, -each) for each in more),
        zeros_only=zeros_only,
        only_old=tuple(row.path for row in before.rows if comparison.layers.new_path(row.path) not in new),
        only_new=tuple(row.path for row in after.rows if comparison.layers.old_path(row.path) not in old),
    )


def _rows(
    before: ConvolutionMapsTable, after: ConvolutionMapsTable, zeros_only: bool, layers: Alignment, shown: int
) -> Iterator[MapChanges]:
    of_new = {row.path: row for row in after.rows}
    for row in before.rows:
        other = of_new.get(layers.new_path(row.path))
        if other is not None and other.shape == row.shape:
            maps = in_common([shown_maps(row, before.scale), shown_maps(other, after.scale)])
            in_two_ways = (row.reduction, before.scale) != (other.reduction, after.scale)
            inactive = [set(each.inactive_at_zero() if zeros_only else each.inactive) for each in (row, other)]
            yield _layer(row, other, (maps[0], _snapped(*maps) if in_two_ways else maps[1]), inactive, shown)


def _snapped(old: ShownMaps, new: ShownMaps) -> ShownMaps:
    """Return the new maps without changes below the rounding of the two pictures, which come from drawing, not from the model."""
    margin = (old.steps + new.steps)[:, None, None]
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.where(np.abs(new.values - old.values) <= margin, old.values, new.values)
    return replace(new, values=values)


def _layer(
    old: ConvolutionMaps, new: ConvolutionMaps, maps: tuple[ShownMaps, ShownMaps], inactive: list[set[int]], shown: int
) -> MapChanges:
    old_maps, new_maps = maps
    channels, before, after = old_maps.channels, old_maps.values, new_maps.values
    rows, distance, resolution = _channels(maps, _figures(old, channels), _figures(new, channels), inactive)
    drawn = [row for row in rows if row.distance != 0][:shown]
    places = [channels.index(row.channel) for row in drawn]
    colormap = new.picture.colormap if new.picture else ""
    of_old, of_new, difference = _pictures(before[places], after[places], drawn, colormap) if drawn else (None, None, None)
    return MapChanges(
        index=new.index,
        path=new.path,
        shape=new.shape,
        distance=distance,
        resolution=resolution,
        old_inactive=len(inactive[0]),
        new_inactive=len(inactive[1]),
        rows=tuple(rows),
        channels_shown=len(drawn),
        columns=columns_for(len(drawn)),
        reduction=new_maps.reduction,
        old=of_old,
        new=of_new,
        difference=difference,
        old_histogram=old.histogram,
        histogram=new.histogram,
    )


def _figures(row: ConvolutionMaps, channels: tuple[int, ...]) -> list[Channel]:
    by_number = {each.channel: each for each in row.channels}
    return [by_number[channel] for channel in channels]


def _channels(
    maps: tuple[ShownMaps, ShownMaps], old: list[Channel], new: list[Channel], inactive: list[set[int]]
) -> tuple[list[ChannelChange], float, float]:
    """Return the changes of the channels, largest first, the distance over all of them, and its resolution."""
    distances, resolutions = _distances(*maps)
    origins = _origins(old, new)
    greatest = max((abs(value) for each in (*old, *new) for value in (each.min, each.max) if math.isfinite(value)), default=0.0)
    rows = [
        ChannelChange(
            channel=was.channel,
            distance=figure(distance),
            resolution=figure(resolution),
            figure_change=_figure_change(was, now, greatest),
            low=min(was.min, now.min),
            high=max(was.max, now.max),
            old_mean=was.mean,
            new_mean=now.mean,
            old_inactive=was.channel in inactive[0],
            new_inactive=now.channel in inactive[1],
            was=origins.get(was.channel),
        )
        for distance, resolution, was, now in zip(distances, resolutions, old, new, strict=True)
    ]
    rows.sort(key=lambda row: -np.nan_to_num(row.distance, nan=np.inf, posinf=1e300))
    return rows, _of_all(distances), _of_all(resolutions)


def _distances(before: ShownMaps, after: ShownMaps) -> tuple[np.ndarray, np.ndarray]:
    """Return ||new - old|| of each map relative to the average ||old||, and two standard errors of it, both (channels,) float32.

    The error of a value is uniform within half a level of its picture, so its standard deviation is level / sqrt(12).
    """
    old, new = before.values, after.values
    if not len(old):
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    with np.errstate(all="ignore"):
        same = (new == old) | (np.isnan(new) & np.isnan(old))
        moved = np.sum(np.where(same, 0, new - old).astype(np.float64) ** 2, axis=(1, 2))
        rounded = (before.steps.astype(np.float64) ** 2 + after.steps.astype(np.float64) ** 2) * old[0].size / 12
        average = np.mean(np.sum(old.astype(np.float64) ** 2, axis=(1, 2)))
        of_move, of_rounding = (np.sqrt(np.where(each == 0, 0.0, each / average)) for each in (moved, rounded))
        return of_move.astype(np.float32), (2 * of_rounding).astype(np.float32)


def _of_all(shares: np.ndarray) -> float:
    """Combine the relative changes of the maps into that of all maps together: their root mean square."""
    with np.errstate(over="ignore"):
        return figure(np.float32(np.sqrt(np.mean(shares.astype(np.float64) ** 2)))) if len(shares) else 0.0


def _figure_change(old: Channel, new: Channel, greatest: float) -> float:
    pairs = [(old.min, new.min), (old.max, new.max), (old.mean, new.mean)]
    moved = max((abs(now - was) for was, now in pairs if not equal(was, now)), default=0.0)
    return moved / greatest if moved and greatest else 0.0


def _origins(old: Iterable[Channel], new: Iterable[Channel]) -> dict[int, int]:
    """Return the number of the old channel with exactly the same figures, for each new channel that changed its place."""
    before = _by_figures(old)
    return {channel: before[key] for key, channel in _by_figures(new).items() if before.get(key, channel) != channel}


def _by_figures(channels: Iterable[Channel]) -> dict[tuple[float, ...], int]:
    """Return channel numbers by figures, without figures that several channels share (as inactive ones do)."""
    found: dict[tuple[float, ...], list[int]] = {}
    for each in channels:
        found.setdefault((each.min, each.max, each.mean, each.active), []).append(each.channel)
    return {key: numbers[0] for key, numbers in found.items() if len(numbers) == 1}


def _pictures(old: np.ndarray, new: np.ndarray, rows: list[ChannelChange], colormap: str) -> tuple[Picture, Picture, Picture]:
    scales = [(row.low, row.high) for row in rows]
    return (
        on_own_scales(old, scales, colormap),
        on_own_scales(new, scales, colormap),
        difference_picture(old, new, draw=lambda tiles: Grid.of(tiles).pixels(background=128)),
    )


def on_own_scales(maps: np.ndarray, scales: list[tuple[float, float]], colormap: str) -> Picture:
    """Return maps (n, h, w) as a grid, each on its own scale (min, max); in diverging colours 0 lies in the middle."""
    if colormap == DIVERGING:
        scales = [around_zero(*scale) for scale in scales]
    tiles = np.stack([quantize(each, *scale) for each, scale in zip(maps, scales, strict=True)])
    return Grid.of(tiles).picture(0.0, 1.0, colormap)


def map_changes(
    old: ConvolutionMapsTable, new: ConvolutionMapsTable, maps: MapChangesTable | None, comparison: Comparison
) -> Iterator[Change]:
    """Yield the figures of each convolution that differ, and a change for each map that differs."""
    yield from every_figure(old, new, maps, comparison)
    for layer in maps.rows if maps else ():
        for row in layer.rows:
            if row.distance != 0:
                where = f"rows[{layer.path}].channels[{row.channel}].mean"
                yield Change(where, row.old_mean, row.new_mean, _distance(row))


def _distance(row: ChannelChange) -> float:
    """Return how far a map moved: by its picture or, below the picture's resolution, by its figures."""
    if math.isnan(row.distance):
        return math.inf
    return max(row.distance if row.distance >= row.resolution else row.figure_change, LEAST)


def tell_feature_maps(maps: MapChangesTable, comparison: Comparison) -> Iterator[str]:
    """Yield how many more or fewer channels are inactive on the image."""
    more, fewer = maps.more_inactive, maps.fewer_inactive
    if more and fewer:
        yield f"channels inactive on this image: {more:,} more in some layers, {fewer:,} fewer in others"
    elif more or fewer:
        count, which = more or fewer, "more" if more else "fewer"
        yield f"{count:,} {which} {'channel' if count == 1 else 'channels'} inactive on this image"
