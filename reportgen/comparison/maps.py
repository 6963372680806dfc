"""The feature maps of the two models, channel by channel, taken back out of the pictures in the reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ..picture import Picture, columns_for, quantize, tile
from ..records import figure, record
from ..report import Absent, Report
from ..sections.feature_maps import Channel, ConvolutionMaps, ConvolutionMapsTable
from .align import Architecture
from .first_filters import DIFFERENCE
from .shown_maps import ShownMaps, in_common, shown_maps

SHOWN = 16  # channels a layer in the pictures; a picture of all would be as large as both reports together


@record
class ChannelChange:
    """One channel: `distance` is ||new - old|| of its map, as a share of the layer's average ||old||.

    `low` and `high` are the least and greatest value of the two maps, the scale of their pictures; `old_mean` and `new_mean`
    their means. `was` is the number of the old channel whose very figures this one has now; else None.
    """

    KEY: ClassVar = ("channel",)

    channel: int
    distance: float
    low: float
    high: float
    old_mean: float
    new_mean: float
    was: int | None


@record
class MapChanges:
    """A convolution whose maps both reports show, or whose channels died or revived.

    `distance` is ||new - old|| / ||old|| over all channels in `rows`, which are sorted by their own; 0 and no rows where the
    maps are not in both reports. `died` and `revived` are channels of the whole layer. The pictures show the first
    `channels_shown` of `rows` in `columns`: `old` and `new` of a channel on one scale, that channel's `low` to `high`;
    `difference` is new - old, from minus to plus the layer's greatest change.
    """

    KEY: ClassVar = ("path",)

    index: int
    path: str
    shape: tuple[int, int, int]
    distance: float
    died: tuple[int, ...]
    revived: tuple[int, ...]
    rows: tuple[ChannelChange, ...]
    channels_shown: int
    columns: int
    reduction: int
    old: Picture | None
    new: Picture | None
    difference: Picture | None


@record
class MapChangesTable:
    """`died` and `revived` count the channels of all layers, also of those that are not shown."""

    rows: tuple[MapChanges, ...]
    died: int
    revived: int


def find_map_changes(old: Report, new: Report, architecture: Architecture, shown: int = SHOWN) -> MapChangesTable | Absent:
    """The maps that changed; absent where a report has none."""
    before, after = old.feature_maps, new.feature_maps
    if isinstance(before, Absent) or isinstance(after, Absent):
        return Absent("A report without feature maps cannot be compared by them.")
    rows = tuple(_rows(before, after, architecture, shown))
    return MapChangesTable(rows, sum(len(row.died) for row in rows), sum(len(row.revived) for row in rows))


def _rows(
    before: ConvolutionMapsTable, after: ConvolutionMapsTable, architecture: Architecture, shown: int
) -> Iterator[MapChanges]:
    counterparts = architecture.new_paths()
    of_new = {row.path: row for row in after.rows}
    for row in before.rows:
        other = of_new.get(counterparts.get(row.path, ""))
        if other is not None and other.shape == row.shape:
            maps = in_common([shown_maps(row, before.scale), shown_maps(other, after.scale)])
            in_two_ways = (row.reduction, before.scale) != (other.reduction, after.scale)
            yield _layer(row, other, maps[0], _snapped(*maps) if in_two_ways else maps[1], shown)


def _snapped(old: ShownMaps, new: ShownMaps) -> ShownMaps:
    """The new maps without changes of no more than a step: those come of the two ways to draw a map, not from the model."""
    margin = (old.steps + new.steps)[:, None, None]
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.where(np.abs(new.values - old.values) <= margin, old.values, new.values)
    return replace(new, values=values)


def _layer(old: ConvolutionMaps, new: ConvolutionMaps, old_maps: ShownMaps, new_maps: ShownMaps, shown: int) -> MapChanges:
    channels, before, after = old_maps.channels, old_maps.values, new_maps.values
    rows, distance = _channels(channels, before, after, _figures(old, channels), _figures(new, channels))
    drawn = [row for row in rows if row.distance != 0][:shown]
    places = [channels.index(row.channel) for row in drawn]
    colormap = new.picture.colormap if new.picture else ""
    return MapChanges(
        new.index,
        new.path,
        new.shape,
        distance,
        tuple(sorted(set(new.dead) - set(old.dead))),
        tuple(sorted(set(old.dead) - set(new.dead))),
        tuple(rows),
        len(drawn),
        columns_for(len(drawn)),
        new_maps.reduction,
        *(_pictures(before[places], after[places], drawn, colormap) if drawn else (None, None, None)),
    )


def _figures(row: ConvolutionMaps, channels: tuple[int, ...]) -> list[Channel]:
    by_number = {each.channel: each for each in row.channels}
    return [by_number[channel] for channel in channels]


def _channels(
    channels: tuple[int, ...], before: np.ndarray, after: np.ndarray, old: list[Channel], new: list[Channel]
) -> tuple[list[ChannelChange], float]:
    """The changes of the channels, worst first, and that of them all."""
    distances, total = _distances(before, after)
    origins = _origins(old, new)
    rows = [
        ChannelChange(
            channel, figure(distance), min(was.min, now.min), max(was.max, now.max), was.mean, now.mean, origins.get(channel)
        )
        for channel, distance, was, now in zip(channels, distances, old, new, strict=True)
    ]
    rows.sort(key=lambda row: -np.nan_to_num(row.distance, nan=np.inf, posinf=1e300))
    return rows, figure(total)


def _distances(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """||new - old|| of each map as a share of the average ||old||, and of all maps together."""
    if not len(before):
        return np.zeros(0, np.float32), np.float32(0)
    with np.errstate(all="ignore"):
        same = (after == before) | (np.isnan(after) & np.isnan(before))
        moved = np.sum(np.where(same, 0, after - before).astype(np.float64) ** 2, axis=(1, 2))
        average = np.mean(np.sum(before.astype(np.float64) ** 2, axis=(1, 2)))
        shares = np.where(moved == 0, 0.0, moved / average)
        return np.sqrt(shares).astype(np.float32), np.float32(np.sqrt(shares.mean()))


def _origins(old: Iterable[Channel], new: Iterable[Channel]) -> dict[int, int]:
    """The number of the old channel with the very figures of a new one, for those that changed places."""
    before = _by_figures(old)
    return {channel: before[key] for key, channel in _by_figures(new).items() if before.get(key, channel) != channel}


def _by_figures(channels: Iterable[Channel]) -> dict[tuple[float, ...], int]:
    """Channel numbers by figures, but for figures that more than one has (all dead ones, say)."""
    found: dict[tuple[float, ...], list[int]] = {}
    for each in channels:
        found.setdefault((each.min, each.max, each.mean, each.active), []).append(each.channel)
    return {key: numbers[0] for key, numbers in found.items() if len(numbers) == 1}


def _pictures(old: np.ndarray, new: np.ndarray, rows: list[ChannelChange], colormap: str) -> tuple[Picture, Picture, Picture]:
    scales = [(row.low, row.high) for row in rows]
    with np.errstate(invalid="ignore", over="ignore"):
        difference = new - old
    most = figure(np.float32(np.abs(np.nan_to_num(difference)).max(initial=0)))
    return (
        on_own_scales(old, scales, colormap),
        on_own_scales(new, scales, colormap),
        Picture(tile(quantize(difference, -most, most), columns_for(len(rows)), background=128), -most, most, DIFFERENCE),
    )


def on_own_scales(maps: np.ndarray, scales: list[tuple[float, float]], colormap: str) -> Picture:
    """Maps (n, h, w) as a grid, each on a scale (least, greatest) of its own."""
    tiles = np.stack([quantize(each, *scale) for each, scale in zip(maps, scales, strict=True)])
    return Picture(tile(tiles, columns_for(len(tiles))), 0.0, 1.0, colormap)
