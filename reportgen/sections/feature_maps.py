"""What each convolution made of the picture: sizes and figures of all, maps of those that are shown."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np

from ..errors import NotApplicable, OptionError
from ..options import Options, Scale
from ..picture import Picture, columns_for, finite_range, quantize, reduced, striped, tile
from ..probe import FeatureMaps, Probe, block_ends
from ..records import figure, record

LARGEST_GRID = 50_000_000  # pixels, all tiles together
LARGEST_TILE = 160  # pixels: more than a screen gives a map of a grid, and a report of VGG16 would not fit in a mail


@record
class Channel:
    """One map: its range, mean, and the share of its values above 0. Dead where it is 0 everywhere."""

    KEY: ClassVar = ("channel",)

    channel: int
    min: float
    max: float
    mean: float
    active: float

    @property
    def dead(self) -> bool:
        """Whether nothing passes: a map that is never above 0 may still say something below it."""
        return self.min == 0 == self.max


@record
class ConvolutionMaps:
    """A convolution's maps after the normalisation and activation that directly follow it (`after` names those layers).

    `min`, `max` and `mean` are over the whole layer. A channel is dead where its map is 0 everywhere; `dead` holds the
    numbers of all that are. `block_end` marks the last convolution at its resolution. `picture` tiles the first `channels_shown`
    maps in `columns`, or is None; one pixel of it is the mean over `reduction` x `reduction`, 1 unless they are very large.
    """

    KEY: ClassVar = ("path",)
    # places that shift, what other sections say, the looks of a report, and what a comparison reads on its own
    NOT_COMPARED: ClassVar = (
        "index", "after", "block_end", "channels_shown", "columns", "reduction", "dead_channels", "dead", "channels", "picture"
    )  # fmt: skip

    index: int
    path: str
    shape: tuple[int, int, int]
    after: tuple[str, ...]
    min: float
    max: float
    mean: float
    dead_channels: int
    dead: tuple[int, ...]
    block_end: bool
    channels_shown: int
    columns: int
    reduction: int
    channels: tuple[Channel, ...]
    picture: Picture | None


@record
class ConvolutionMapsTable:
    """A row for every convolution, in layer order; the channels of a row as `Options.sort` has them.

    With `scale` "map" each map is scaled by its own range, so that 0 and 1 of a picture are that map's least and greatest value;
    with "layer" all maps of a layer by the layer's.
    """

    NOT_COMPARED: ClassVar = ("scale",)

    scale: Scale
    rows: tuple[ConvolutionMaps, ...]


def is_shown(path: str, block_end: bool, first: bool, options: Options) -> bool:
    """Whether a convolution's maps are drawn: those that `--layers` names, else the first and the last of each block."""
    if options.layers is None:
        return first or block_end
    return options.layers == "all" or any(fnmatchcase(path, part.strip()) for part in options.layers.split(","))


def find_feature_maps(probe: Probe, options: Options) -> ConvolutionMapsTable:
    if not probe.maps:
        raise NotApplicable("No two-dimensional convolution took part in the forward pass, so there are no feature maps.")
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
    shown = 0 if options is None or maps.values is None else _channels_shown(maps.shape[2], options)
    order = _order(maps, options)[:shown] if options and shown else np.arange(0)
    columns = columns_for(shown)
    dead = tuple(np.flatnonzero((maps.low == 0) & (maps.high == 0)).tolist())
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
        dead_channels=len(dead),
        dead=dead,
        block_end=block_end,
        channels_shown=shown,
        columns=columns,
        reduction=reduction_for(maps.shape, shown),
        channels=tuple(_channel(maps, int(channel)) for channel in order),
        picture=_picture(maps, order, columns, options) if options and shown else None,
    )


def _order(maps: FeatureMaps, options: Options) -> np.ndarray:
    """The channels in the order in which they are shown. Of like activity: the greater mean first, then by channel."""
    channels = np.arange(maps.shape[2])
    if options.sort == "index":
        return channels
    return np.lexsort((channels, -np.nan_to_num(maps.mean, nan=-np.inf), -maps.active))


def _channels_shown(channels: int, options: Options) -> int:
    return channels if options.maps == "all" else min(channels, options.maps)


def _channel(maps: FeatureMaps, channel: int) -> Channel:
    figures = (figure(of[channel]) for of in (maps.low, maps.high, maps.mean, maps.active))
    return Channel(channel, *figures)


def reduction_for(shape: tuple[int, int, int], shown: int) -> int:
    """How many values a side of a map are one pixel of its picture, where nothing but its own size asks for it."""
    factor = -(-max(shape[:2]) // LARGEST_TILE)
    return max(factor, math.ceil(math.sqrt(shape[0] * shape[1] * shown / LARGEST_GRID)))


def _picture(maps: FeatureMaps, order: np.ndarray, columns: int, options: Options) -> Picture:
    assert maps.values is not None
    factor = reduction_for(maps.shape, len(order))
    values = maps.values[:, :, order]
    smaller = reduced(values, factor) if factor > 1 else values
    tiles = np.ascontiguousarray(smaller.transpose(2, 0, 1))
    if options.scale == "layer":
        low, high = finite_range(maps.values)
        return Picture(tile(striped(quantize(tiles, low, high), tiles), columns), low, high, options.colormap)
    ranges = zip(maps.low[order], maps.high[order], strict=True)
    own = [quantize(each, *_finite(range_, each)) for each, range_ in zip(tiles, ranges, strict=True)]
    return Picture(tile(striped(np.stack(own), tiles), columns), 0.0, 1.0, options.colormap)


def _finite(own: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    return (float(own[0]), float(own[1])) if np.isfinite(own).all() else finite_range(values)
