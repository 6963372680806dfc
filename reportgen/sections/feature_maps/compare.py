"""The feature maps of the two models, channel by channel, taken back out of the pictures in the reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...formatting import counted
from ...matching.align import Alignment
from ...matching.changes import Change
from ...picture import Grid, Picture, columns_for, difference_picture, quantize
from ...records import record
from ...tensors import figure
from ..section import Comparison, every_figure
from .find import Channel, ConvolutionMaps, ConvolutionMapsTable
from .shown import ShownMaps, in_common, shown_maps

LEAST = 1e-9  # the distance of a map that changed by less than its picture can tell


@record(kw_only=True)
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


@record(kw_only=True)
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


def compare_feature_maps(before: ConvolutionMapsTable, after: ConvolutionMapsTable, comparison: Comparison) -> MapChangesTable:
    """The maps that changed, and the channels that only one of the models leaves inactive."""
    rows = tuple(_rows(before, after, comparison.layers, comparison.maps))
    return MapChangesTable(rows, sum(len(row.died) for row in rows), sum(len(row.revived) for row in rows))


def _rows(before: ConvolutionMapsTable, after: ConvolutionMapsTable, layers: Alignment, shown: int) -> Iterator[MapChanges]:
    of_new = {row.path: row for row in after.rows}
    for row in before.rows:
        other = of_new.get(layers.new_path(row.path))
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
    of_old, of_new, difference = _pictures(before[places], after[places], drawn, colormap) if drawn else (None, None, None)
    return MapChanges(
        index=new.index,
        path=new.path,
        shape=new.shape,
        distance=distance,
        died=tuple(sorted(set(new.inactive) - set(old.inactive))),
        revived=tuple(sorted(set(old.inactive) - set(new.inactive))),
        rows=tuple(rows),
        channels_shown=len(drawn),
        columns=columns_for(len(drawn)),
        reduction=new_maps.reduction,
        old=of_old,
        new=of_new,
        difference=difference,
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
            channel=channel,
            distance=figure(distance),
            low=min(was.min, now.min),
            high=max(was.max, now.max),
            old_mean=was.mean,
            new_mean=now.mean,
            was=origins.get(channel),
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
    """Channel numbers by figures, but for figures that more than one has (all inactive ones, say)."""
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
    """Maps (n, h, w) as a grid, each on a scale (least, greatest) of its own."""
    tiles = np.stack([quantize(each, *scale) for each, scale in zip(maps, scales, strict=True)])
    return Grid.of(tiles).picture(0.0, 1.0, colormap)


def map_changes(
    old: ConvolutionMapsTable, new: ConvolutionMapsTable, maps: MapChangesTable | None, comparison: Comparison
) -> Iterator[Change]:
    """The figures of each convolution that differ, and a change for each map that does."""
    yield from every_figure(old, new, maps, comparison)
    for layer in maps.rows if maps else ():
        for row in layer.rows:
            if row.distance != 0:
                where = f"rows[{layer.path}].channels[{row.channel}].mean"
                distance = math.inf if math.isnan(row.distance) else max(row.distance, LEAST)
                yield Change(where, row.old_mean, row.new_mean, distance)


def tell_feature_maps(maps: MapChangesTable, comparison: Comparison) -> Iterator[str]:
    """How many channels are inactive on the image in one version alone."""
    if maps.died:
        yield f"{counted(maps.died, 'channel')} died"
    if maps.revived:
        yield f"{counted(maps.revived, 'channel')} revived"
