"""The feature maps of the two models, channel by channel, taken back out of the pictures in the reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from ..errors import ReportFileError
from ..picture import GAP, Picture, columns_for, quantize, tile
from ..records import figure, record
from ..report import Absent, Report
from ..sections.feature_maps import Channel, ConvolutionMaps, ConvolutionMapsTable
from .align import Architecture
from .first_filters import DIFFERENCE

SHOWN = 16  # channels a layer in the pictures; a picture of all would be as large as both reports together


@record
class ChannelChange:
    """One channel: `distance` is ||new - old|| of its map, as a share of the layer's average ||old||.

    `low` and `high` are the least and greatest value of the two maps, the scale of their pictures. `was` is the number of the old
    channel whose very figures this one has now; else None.
    """

    KEY: ClassVar = ("channel",)

    channel: int
    distance: float
    low: float
    high: float
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
            yield _layer(row, other, shown_maps(row, before.scale), shown_maps(other, after.scale), shown)


def shown_maps(row: ConvolutionMaps, scale: str) -> dict[int, np.ndarray]:
    """The maps (h, w) float32 that a row shows, by channel, each to half a step of its 255; none where it shows none.

    Where the picture shows them smaller, so are these. Raises `ReportFileError` where picture and figures contradict each other.
    """
    if row.picture is None or not row.channels:
        return {}
    tiles = untiled(row.picture.values, row.columns, len(row.channels))
    of_layer = (row.picture.low, row.picture.high)
    ranges = [of_layer if scale == "layer" else (channel.min, channel.max) for channel in row.channels]
    low, high = np.array(ranges, np.float32).T[:, :, None, None]
    with np.errstate(invalid="ignore", over="ignore"):
        values = low + tiles * ((high - low) / np.float32(255))
    return {channel.channel: each for channel, each in zip(row.channels, values, strict=True)}


def in_all(maps: Sequence[dict[int, np.ndarray]]) -> tuple[list[int], list[np.ndarray]]:
    """The channels that every one of `maps` has, and their maps (channels, h, w) in each; none where the sizes differ."""
    channels = sorted(set(maps[0]).intersection(*maps[1:]))
    values = [np.stack([each[channel] for channel in channels]) if channels else np.zeros((0, 1, 1)) for each in maps]
    if len({each.shape for each in values}) > 1:  # one may have been made smaller
        return [], [each[:0] for each in values]
    return channels, values


def _layer(
    old: ConvolutionMaps, new: ConvolutionMaps, old_maps: dict[int, np.ndarray], new_maps: dict[int, np.ndarray], shown: int
) -> MapChanges:
    channels, (before, after) = in_all([old_maps, new_maps])
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
        new.reduction,
        *(_pictures(before[places], after[places], drawn, colormap) if drawn else (None, None, None)),
    )


def _figures(row: ConvolutionMaps, channels: list[int]) -> list[Channel]:
    by_number = {each.channel: each for each in row.channels}
    return [by_number[channel] for channel in channels]


def untiled(grid: np.ndarray, columns: int, count: int) -> np.ndarray:
    """The tiles (count, h, w) that `tile` made a grid (H, W) of; raises `ReportFileError` for a grid that it did not make."""
    rows = -(-count // columns) if columns > 0 else 0
    height, width = ((size + GAP) // max(1, parts) for size, parts in zip(grid.shape, (rows, columns), strict=True))
    if rows < 1 or min(height, width) <= GAP or (rows * height - GAP, columns * width - GAP) != grid.shape:
        raise ReportFileError(
            f"the report's data are not as expected: {count} maps in {columns} columns of a picture {grid.shape}."
        )
    cells = np.zeros((rows * height, columns * width), grid.dtype)
    cells[: grid.shape[0], : grid.shape[1]] = grid
    tiles = cells.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)
    return tiles[:count, :-GAP, :-GAP]


def _channels(
    channels: list[int], before: np.ndarray, after: np.ndarray, old: list[Channel], new: list[Channel]
) -> tuple[list[ChannelChange], float]:
    """The changes of the channels, worst first, and that of them all."""
    distances, total = _distances(before, after)
    origins = _origins(old, new)
    rows = [
        ChannelChange(channel, figure(distance), min(was.min, now.min), max(was.max, now.max), origins.get(channel))
        for channel, distance, was, now in zip(channels, distances, old, new, strict=True)
    ]
    rows.sort(key=lambda row: -np.nan_to_num(row.distance, nan=np.inf, posinf=1e300))
    return rows, figure(total)


def _distances(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """||new - old|| of each map as a share of the average ||old||, and of all maps together."""
    if not len(before):
        return np.zeros(0, np.float32), np.float32(0)
    with np.errstate(all="ignore"):
        moved = np.sum((after - before).astype(np.float64) ** 2, axis=(1, 2))
        average = np.mean(np.sum(before.astype(np.float64) ** 2, axis=(1, 2)))
        shares = np.where(moved > 0, moved / average, 0.0) if average == average else moved / average
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
